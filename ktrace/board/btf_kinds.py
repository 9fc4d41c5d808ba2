"""Kinds of BTF types: include/uapi/linux/btf.h."""

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FORWARD, TYPEDEF = 1, 2, 3, 4, 5, 6, 7, 8
FUNC, FUNC_PROTO, FLOAT, ENUM64 = 12, 13, 16, 19
