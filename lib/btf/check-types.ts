import type { Btf } from './btf';
import { damaged } from './btf-table';
import type { BtfType } from './btf-type';

/**
 * Checks every type once, for readers that check less: names can be read, ids are below the number of types, and no
 * type contains itself except through a pointer.
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED
 */
export function checkEveryType(btf: Btf): void {
  const count = btf.typeCount;
  // For each type, the types that it contains by value: members and elements.
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

/** All ids in the description of a type. */
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

/** Includes the target of a typedef or a qualifier: following a cycle of these would never end. */
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

/** Uses no recursion, because a chain may be as long as the number of types. */
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
