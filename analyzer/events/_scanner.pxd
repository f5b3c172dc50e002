# What `_scanner` uses of native/*.h: only the members that it names.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "native/split.h" nogil:
    ctypedef struct Tag:
        size_t at
        size_t size

    ctypedef struct Tags:
        Tag* tags
        uint8_t* arena
        size_t count

    ctypedef struct F64Column:
        double* items

    ctypedef struct I64Column:
        int64_t* items

    ctypedef struct U32Column:
        uint32_t* items

    ctypedef struct U8Column:
        uint8_t* items

    ctypedef struct Points:
        size_t count

    ctypedef struct Exceeding:
        size_t count
        I64Column places
        I64Column integers
        U8Column kinds

    ctypedef struct Rows:
        size_t count

    ctypedef struct Blocks:
        size_t count
        I64Column steps
        I64Column offsets
        I64Column sizes
        F64Column walls

    ctypedef struct Sessions:
        size_t count
        I64Column events
        I64Column steps
        I64Column statuses

    ctypedef struct Order:
        size_t count
        U32Column tags

    ctypedef struct Scan:
        Tags tags
        Points points
        Exceeding exceeding
        Rows rows
        Blocks blocks
        Sessions sessions
        Order point_tags
        Order other_tags
        int64_t events
        int64_t blank
        int64_t refused
        int64_t refused_bytes
        int64_t first_refused
        double first_wall_time
        uint8_t* version
        size_t version_size
        int failed

    void crc32c_setup()
    int crc32c_is_hardware
    uint32_t crc32c_extend(uint32_t, const uint8_t*, size_t)
    uint32_t c_masked "masked_crc32c"(const uint8_t*, size_t)
    void tags_setup(Tags*, uint64_t, uint64_t)
    size_t scan_block(Scan*, const uint8_t*, size_t, int64_t, int*)
    void guard_setup()
    int64_t c_scan_mapped "scan_mapped"(Scan*, int, int64_t, int64_t)
    size_t c_find_header "find_header"(const uint8_t*, size_t)
    void scan_clear(Scan*)
    void scan_free_rows(Scan*)
    void scan_free(Scan*)
    void split_points(Scan*, int64_t*, int64_t*, double*, double*)
    void split_rows(
        Scan*, int64_t*, int64_t*, int64_t*, double*, int64_t*, int64_t*, uint8_t*
    )
