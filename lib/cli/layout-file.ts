import { readFileSync } from 'node:fs';
import { defineLayout, type FieldDefinition, type FieldType, type SampleLayout } from '../index';
import { CStructs } from './c-struct';
import { CommandError, usageError } from './failure';

/**
 * The layout in a file: JSON, or C text with a struct.
 * @param type name of the struct, if the file has several; by default the last one
 * @throws CommandError
 */
export function layoutOfFile(path: string, type: string | undefined): SampleLayout {
  const text = textOf(path);
  return /^\s*[{[]/.test(text) ? jsonLayout(text, path, type) : structLayout(text, path, type);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`--layout ${path} can't be read: ${(error as Error).message}`);
  }
}

function structLayout(text: string, path: string, type: string | undefined): SampleLayout {
  const { layouts } = new CStructs(text, path);
  const name = type ?? [...layouts.keys()].at(-1);
  const layout = name === undefined ? undefined : layouts.get(name);
  if (layout !== undefined) return layout;
  const names = [...layouts.keys()].join(', ');
  throw usageError(
    names === ''
      ? `--layout ${path} has no struct`
      : `--layout ${path} has no struct ${type}; there are ${names}`,
  );
}

function jsonLayout(text: string, path: string, type: string | undefined): SampleLayout {
  if (type !== undefined) throw usageError('--type chooses a struct of an object or of C text, not of JSON');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw usageError(`--layout ${path} is not valid JSON: ${(error as Error).message}`);
  }
  return defineLayout(definitions(json, path, 0)) as SampleLayout;
}

const DEEPEST_NESTING = 16;

/** Fields as an object of names and kinds, or as a list of `{ name, kind, offset }`. */
function definitions(
  json: unknown,
  path: string,
  depth: number,
): FieldDefinition[] | { readonly [name: string]: FieldType } {
  if (depth > DEEPEST_NESTING) throw usageError(`--layout ${path}: structs nest too deep`);
  if (Array.isArray(json)) {
    return json.map((field) => ({ ...field, kind: kindOf(field?.kind, path, depth) }) as FieldDefinition);
  }
  const fields = Object.entries(json as object).map(([name, kind]) => [name, kindOf(kind, path, depth)]);
  return Object.fromEntries(fields) as { readonly [name: string]: FieldType };
}

/** A kind, `{ "enum": … }`, an object or list of fields for a nested struct, or `[struct, N]`. */
function kindOf(json: unknown, path: string, depth: number): FieldType {
  if (typeof json === 'string') return json as FieldType;
  if (typeof json !== 'object' || json === null) {
    throw usageError(
      `--layout ${path}: a kind is text such as "u32", or an object, got ${JSON.stringify(json)}`,
    );
  }
  if ('enum' in json && typeof json.enum === 'object') return json as FieldType;
  if (Array.isArray(json) && json.length === 2 && typeof json[1] === 'number') {
    return [defineLayout(definitions(json[0], path, depth + 1)), json[1]] as FieldType;
  }
  return defineLayout(definitions(json, path, depth + 1)) as FieldType;
}
