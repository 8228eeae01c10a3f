/**
 * The kernel's numbers for BTF, the type information of BPF objects and of the kernel, under the kernel's names.
 * test/integration/abi compares each of them with the kernel's header.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/btf.h
 */

export const BTF_MAGIC = 0xeb9f;
export const BTF_VERSION = 1;

/** sizeof(struct btf_header): magic u16, version u8, flags u8, then words. */
export const BTF_HEADER_BYTES = 24;
export const BTF_HEADER_HDR_LEN = 4;
export const BTF_HEADER_TYPE_OFF = 8;
export const BTF_HEADER_TYPE_LEN = 12;
export const BTF_HEADER_STR_OFF = 16;
export const BTF_HEADER_STR_LEN = 20;

export const BTF_KIND_INT = 1;
export const BTF_KIND_PTR = 2;
export const BTF_KIND_ARRAY = 3;
export const BTF_KIND_STRUCT = 4;
export const BTF_KIND_UNION = 5;
export const BTF_KIND_ENUM = 6;
export const BTF_KIND_FWD = 7;
export const BTF_KIND_TYPEDEF = 8;
export const BTF_KIND_VOLATILE = 9;
export const BTF_KIND_CONST = 10;
export const BTF_KIND_RESTRICT = 11;
export const BTF_KIND_FUNC = 12;
export const BTF_KIND_FUNC_PROTO = 13;
export const BTF_KIND_VAR = 14;
export const BTF_KIND_DATASEC = 15;
export const BTF_KIND_FLOAT = 16;
export const BTF_KIND_DECL_TAG = 17;
export const BTF_KIND_TYPE_TAG = 18;
export const BTF_KIND_ENUM64 = 19;

export const BTF_INT_SIGNED = 1 << 0;
export const BTF_INT_CHAR = 1 << 1;
export const BTF_INT_BOOL = 1 << 2;

/** sizeof(struct btf_type) in words of 4 bytes, as the other sizes below: name_off, info, size or type. */
export const BTF_TYPE_WORDS = 3;
/** sizeof(struct btf_array): type, index_type, nelems. */
export const BTF_ARRAY_WORDS = 3;
/** sizeof(struct btf_member): name_off, type, offset. */
export const BTF_MEMBER_WORDS = 3;
/** sizeof(struct btf_enum): name_off, val. */
export const BTF_ENUM_WORDS = 2;
/** sizeof(struct btf_enum64): name_off, val_lo32, val_hi32. */
export const BTF_ENUM64_WORDS = 3;
/** sizeof(struct btf_param): name_off, type. */
export const BTF_PARAM_WORDS = 2;
/** sizeof(struct btf_var_secinfo): type, offset, size. */
export const BTF_VAR_SECINFO_WORDS = 3;

export const BTF_VAR_STATIC = 0;
export const BTF_VAR_GLOBAL_ALLOCATED = 1;
export const BTF_VAR_GLOBAL_EXTERN = 2;

export const BTF_FUNC_STATIC = 0;
export const BTF_FUNC_GLOBAL = 1;
export const BTF_FUNC_EXTERN = 2;
