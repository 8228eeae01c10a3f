import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import type { SampleField, SampleLayout } from '../../index';
import { usageError } from '../failure';

/** A node of the syntax tree. */
export type Expression = ASTNode;

/** The fields that the kernel writes beside the payload, and the CPU of the ring: `record.cpu`. */
export const RECORD_FIELDS = ['time', 'pid', 'tid', 'cpu', 'ip', 'addr', 'period'] as const;

/**
 * Parses a condition in CEL, and checks it against the fields of the samples.
 * @returns the syntax tree of an expression whose type is bool
 * @throws CommandError (usage) for a mistake, with the field that was probably meant
 * @see https://github.com/google/cel-spec/blob/v0.24.0/doc/langdef.md
 */
export function parsedCondition(text: string, layout: SampleLayout): Expression {
  const environment = environmentFor(layout);
  let parsed: ReturnType<Environment['parse']>;
  try {
    parsed = environment.parse(text);
  } catch (error) {
    throw mistake(text, (error as Error).message);
  }
  const { valid, type, error } = parsed.check();
  if (!valid) throw mistake(text, unknownField(error?.message ?? '', layout) ?? error?.message ?? 'invalid');
  if (type !== 'bool' && type !== 'dyn') throw mistake(text, `the condition is of type ${type}, not bool`);
  return parsed.ast;
}

function environmentFor(layout: SampleLayout): Environment {
  // Loaded only when there is a filter, so that it does not delay the first sample.
  const { Environment } = require('@marcbachmann/cel-js') as typeof import('@marcbachmann/cel-js');
  const environment = new Environment();
  let structs = 0;
  const typeOf = (field: SampleField): string =>
    field.layout === undefined
      ? celType(field)
      : listOf(field, registered(field.layout, `Struct${++structs}`));
  const registered = (inner: SampleLayout, name: string): string => {
    const fields = Object.fromEntries(inner.fields.map((field) => [field.name, typeOf(field)]));
    environment.registerType(name, { fields });
    return name;
  };
  environment.registerVariable('event', registered(layout, 'Event'));
  environment.registerType('Record', {
    fields: Object.fromEntries(RECORD_FIELDS.map((name) => [name, 'int'])),
  });
  for (const [name, type] of [
    ['record', 'Record'] as const,
    ...layout.fields.map((field) => [field.name, typeOf(field)] as const),
  ]) {
    // Names of CEL itself, such as `type`, can only be used as event.type.
    if (!isTaken(environment, name)) environment.registerVariable(name, type);
  }
  return environment;
}

function isTaken(environment: Environment, name: string): boolean {
  return environment.hasVariable(name) || !/^[A-Za-z_]\w*$/.test(name);
}

/** 64-bit numbers and smaller ones have the same type, so that all compare with literals. */
function celType({ kind, values }: SampleField): string {
  // Enums are compared by name or by number.
  if (values !== undefined) return 'dyn';
  const [, scalar = kind, array] = /^([^[:]+)(?::\d+)?(\[.*)?$/.exec(kind) ?? [];
  if (scalar === 'char') return array?.includes('][') ? 'list<string>' : 'string';
  if (scalar === 'bytes') return 'bytes';
  const type = scalarType(scalar);
  return array === undefined ? type : `list<${type}>`;
}

function scalarType(kind: string): string {
  if (kind === 'bool') return 'bool';
  if (/^f/.test(kind)) return 'double';
  return /^(?:[ui]\d|ktime)/.test(kind) ? 'int' : 'string';
}

function listOf({ kind }: SampleField, type: string): string {
  return kind === 'struct' ? type : `list<${type}>`;
}

function unknownField(message: string, layout: SampleLayout): string | undefined {
  const [, name] = /Unknown variable: (\w+)/.exec(message) ?? [];
  if (name === undefined) return undefined;
  const names = layout.fields.map((field) => field.name);
  const nearest = names
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((one, other) => one.distance - other.distance)[0];
  const meant =
    nearest !== undefined && nearest.distance <= Math.max(1, name.length / 3)
      ? `did you mean ${nearest.candidate}?`
      : `there are ${names.join(', ')}`;
  return `there is no field ${name}; ${meant}`;
}

/** The number of characters to insert, delete or replace. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const replaced = (row[j] as number) + (one[i] === other[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[other.length] as number;
}

/** The first line of the message is enough; the rest points at the place in the text. */
export function mistake(text: string, message: string): Error {
  return usageError(`--filter '${text}': ${message.split('\n')[0]}`);
}
