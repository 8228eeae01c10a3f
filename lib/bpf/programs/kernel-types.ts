/**
 * Where members of the running kernel's structs lie, from its BTF. It is read when the first member is asked for, and
 * freed when nothing uses it any more.
 */

import { Btf } from '../../btf/btf';
import { PerfRingError } from '../../errors';
import { lockdown } from '../../host/lockdown';

let lastRead: WeakRef<Btf> | undefined;

/** Offsets that were found before, by struct and path. */
const found = new Map<string, number>();

/**
 * Offset of a member from the start of a struct, bytes.
 * @param path the member; further names are members of it. Members of anonymous structs are found as in C
 * @throws PerfRingError ERR_PERF_NOT_SUPPORTED when the kernel provides no BTF or has no such member
 */
export function memberOffset(struct: string, ...path: readonly string[]): number {
  const key = [struct, ...path].join('.');
  const known = found.get(key);
  if (known !== undefined) return known;
  const btf = kernelTypes();
  let type = btf.find(struct, 'struct');
  let bits = 0;
  for (const name of path) {
    const member = type === undefined ? undefined : memberNamed(btf, type, name);
    if (member === undefined) throw missing(`struct ${struct} has no member ${path.join('.')}`);
    bits += member.bitOffset;
    type = member.type;
  }
  found.set(key, bits / 8);
  return bits / 8;
}

/** Size of a struct, bytes. @throws like {@link memberOffset} */
export function structSize(struct: string): number {
  const btf = kernelTypes();
  const id = btf.find(struct, 'struct');
  if (id === undefined) throw missing(`there is no struct ${struct}`);
  return btf.sizeOf(id);
}

/** Number of arguments of a raw tracepoint. @throws like {@link memberOffset} */
export function tracepointArguments(name: string): number {
  const btf = kernelTypes();
  const id = btf.find(`btf_trace_${name}`, 'typedef');
  const pointer = id === undefined ? undefined : btf.type(btf.resolve(id));
  const prototype = pointer?.kind === 'ptr' ? btf.type(pointer.type) : undefined;
  if (prototype?.kind !== 'func_proto') throw missing(`there is no tracepoint ${name}`);
  // The first parameter is the tracepoint's own.
  return prototype.parameters.length - 1;
}

/** True when programs may read the kernel's memory: not under lockdown=confidentiality. */
export function mayReadKernel(): boolean {
  return lockdown() !== 'confidentiality';
}

/** True when the kernel provides BTF, and programs may read its memory. */
export function canFollowTypes(): boolean {
  if (!mayReadKernel()) return false;
  try {
    kernelTypes();
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'ERR_PERF_NOT_SUPPORTED') return false;
    throw error;
  }
}

function kernelTypes(): Btf {
  const btf = lastRead?.deref() ?? Btf.ofKernel();
  lastRead = new WeakRef(btf);
  return btf;
}

interface Place {
  readonly bitOffset: number;
  readonly type: number;
}

function memberNamed(btf: Btf, id: number, name: string): Place | undefined {
  const struct = btf.type(btf.resolve(id));
  if (struct.kind !== 'struct' && struct.kind !== 'union') return undefined;
  for (const member of struct.members) {
    if (member.name === name) return member;
    if (member.name !== '') continue;
    const inner = memberNamed(btf, member.type, name);
    if (inner !== undefined) return { type: inner.type, bitOffset: member.bitOffset + inner.bitOffset };
  }
  return undefined;
}

function missing(what: string): PerfRingError {
  return new PerfRingError('ERR_PERF_NOT_SUPPORTED', `this kernel is not known well enough: ${what}`);
}
