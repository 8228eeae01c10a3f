import { types } from 'node:util';

/** An object, and how it was reached: `record.constructor.prototype`. */
export interface Reached {
  readonly value: object;
  readonly path: string;
}

/** More than any public object leads to: a walk that gets here has left the library. */
const MOST_OBJECTS = 20_000;

/** Globals that node loads when they are first asked for, by code that needs WebAssembly: it is not there under --jitless. */
const LOADED_ON_DEMAND: ReadonlySet<string> = new Set([
  'CloseEvent',
  'EventSource',
  'FormData',
  'Headers',
  'MessageEvent',
  'Request',
  'Response',
  'WebSocket',
  'fetch',
]);

/** What every program has: their prototypes and constructors lead everywhere. */
const BUILT_IN: ReadonlySet<unknown> = new Set(
  [
    globalThis,
    process,
    ...Object.getOwnPropertyNames(globalThis)
      .filter((name) => !LOADED_ON_DEMAND.has(name))
      .map((name) => valueAt(globalThis, name)),
  ].flatMap((value) => [value, typeof value === 'function' ? value.prototype : undefined]),
);

function valueAt(holder: object, name: PropertyKey): unknown {
  try {
    return Reflect.get(holder, name);
  } catch {
    return undefined;
  }
}

/**
 * Every object and function that `root` leads to: by properties, own and inherited, enumerable or not, by getters, and
 * by prototypes.
 * @param skipped names that are not followed
 */
export function reachableFrom(
  root: object,
  name: string,
  skipped: ReadonlySet<PropertyKey> = new Set(),
): Reached[] {
  const reached = new Map<object, string>();
  const waiting: Reached[] = [{ value: root, path: name }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, path } = next;
    if (reached.has(value) || BUILT_IN.has(value)) continue;
    reached.set(value, path);
    if (reached.size > MOST_OBJECTS) throw new Error(`the walk from ${name} does not end: ${path}`);
    // Their elements are numbers, and there are many; the buffer is what counts.
    if (types.isAnyArrayBuffer(value)) continue;
    if (ArrayBuffer.isView(value)) {
      waiting.push({ value: value.buffer, path: `${path}.buffer` });
      continue;
    }
    for (const { key, holder } of propertiesOf(value)) {
      if (skipped.has(key)) continue;
      const found = holder === value || !BUILT_IN.has(holder) ? valueAt(value, key) : undefined;
      if (isObject(found)) waiting.push({ value: found, path: `${path}.${String(key)}` });
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (isObject(prototype)) waiting.push({ value: prototype, path: `${path}.__proto__` });
  }
  return [...reached].map(([value, path]) => ({ value, path }));
}

/** Properties of an object, those it inherits from classes of the library among them. */
export function propertiesOf(value: object): { key: PropertyKey; holder: object }[] {
  const found: { key: PropertyKey; holder: object }[] = [];
  for (let holder: object | null = value; holder !== null && !BUILT_IN.has(holder); ) {
    for (const key of Reflect.ownKeys(holder)) found.push({ key, holder });
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return found;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
