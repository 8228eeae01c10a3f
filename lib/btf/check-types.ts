import type { Btf } from './btf';
import { damaged } from './btf-table';
import type { BtfType } from './btf-type';

/**
 * Describes every type once, so that readers that check less find nothing they trip over: names are there, ids are below the
 * number of types, and no type is a part of itself but by a pointer.
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED
 */
export function checkEveryType(btf: Btf): void {
  const count = btf.typeCount;
  // Which types each one holds by value: in place, as members and elements.
  const held: number[][] = [[]];
  for (let id = 1; id < count; id++) {
    const type = btf.type(id);
    for (const other of typesNamedBy(type)) {
      if (other >= count) throw damaged(`type ${id} names type ${other}, and there are ${count - 1}`);
    }
    held.push(typesHeldBy(type));
  }
  checkNoneHoldsItself(held);
}

/** Every id in a type's description. */
function typesNamedBy(type: BtfType): number[] {
  switch (type.kind) {
    case 'array':
      return [type.type, type.indexType];
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type);
    case 'func_proto':
      return [type.returnType, ...type.parameters.map((parameter) => parameter.type)];
    case 'datasec':
      return type.variables.map((variable) => variable.type);
    default:
      return 'type' in type ? [type.type] : [];
  }
}

/** Also what a typedef or a qualifier stands for: whoever follows those in a circle never ends. */
function typesHeldBy(type: BtfType): number[] {
  switch (type.kind) {
    case 'ptr':
    case 'func_proto':
    case 'decl_tag':
      return [];
    case 'array':
      return [type.type];
    default:
      return typesNamedBy(type);
  }
}

/** Without recursion: a chain may be as long as there are types. */
function checkNoneHoldsItself(held: readonly number[][]): void {
  const UNSEEN = 0;
  const OPEN = 1;
  const DONE = 2;
  const states = new Uint8Array(held.length);
  for (let root = 1; root < held.length; root++) {
    if (states[root] !== UNSEEN) continue;
    const path = [{ id: root, next: 0 }];
    states[root] = OPEN;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const other = held[top.id]?.[top.next++];
      if (other === undefined) {
        states[top.id] = DONE;
        path.pop();
      } else if (states[other] === OPEN) {
        throw damaged(`type ${other} is a part of itself`);
      } else if (states[other] === UNSEEN) {
        states[other] = OPEN;
        path.push({ id: other, next: 0 });
      }
    }
  }
}
