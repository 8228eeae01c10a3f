import { types } from 'node:util';

/** An object and the path to it, for example `record.constructor.prototype`. */
export interface Reached {
  readonly value: object;
  readonly path: string;
}

/** More objects than can be reached within the library. A search that finds more has left it. */
const MOST_OBJECTS = 20_000;

/** Globals that node loads on first use, by code that needs WebAssembly, which is missing under --jitless. */
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

/** Objects of every program. They are not followed, because everything can be reached from them. */
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
 * All objects and functions that can be reached from `root` through properties (own and inherited, enumerable or not),
 * getters and prototypes.
 * @param skipped names of properties that are not followed
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
    // The elements are many numbers. Only the buffer matters.
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

/** Properties of an object, including those inherited from classes of the library. */
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
