/* CRC-32C (Castagnoli): the processor's own instruction where there is one, tables elsewhere.

   Laws:
   1. crc32c_setup() runs once before anything else, and everything after it only reads.
   2. Every path gives the same register for the same bytes; CRC32C_TABLES forces the tables.
   3. `crc` is the raw register: begin with ~0 and invert at the end, or use masked_crc32c().

   The instruction takes three cycles and a new one can start in each, so long messages run as
   three lanes that are joined: feeding n zero bytes is linear over GF(2), hence a table. */

#ifndef TB_NAN_CRC32C_H
#define TB_NAN_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(CRC32C_TABLES)
#elif (defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)))
#include <nmmintrin.h>
#define CRC32C_HARDWARE __attribute__((target("sse4.2")))
#define CRC32C_8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define CRC32C_4(crc, word) _mm_crc32_u32((crc), (word))
#define CRC32C_1(crc, byte) _mm_crc32_u8((crc), (byte))
static int crc32c_supported(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}
#elif defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#include <nmmintrin.h>
#define CRC32C_HARDWARE
#define CRC32C_8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define CRC32C_4(crc, word) _mm_crc32_u32((crc), (word))
#define CRC32C_1(crc, byte) _mm_crc32_u8((crc), (byte))
static int crc32c_supported(void) {
    int found[4];
    __cpuid(found, 1);
    return (found[2] >> 20) & 1;
}
#elif defined(__aarch64__) && defined(__AARCH64EL__) && \
    (defined(__ARM_FEATURE_CRC32) || defined(__linux__))
#define CRC32C_HARDWARE
#define CRC32C_8(crc, word) crc32c_arm_8((crc), (word))
#define CRC32C_4(crc, word) crc32c_arm_4((crc), (word))
#define CRC32C_1(crc, byte) crc32c_arm_1((crc), (byte))
static inline uint32_t crc32c_arm_8(uint32_t crc, uint64_t word) {
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    return crc;
}
static inline uint32_t crc32c_arm_4(uint32_t crc, uint32_t word) {
    __asm__(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(crc) : "r"(word));
    return crc;
}
static inline uint32_t crc32c_arm_1(uint32_t crc, uint8_t byte) {
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)byte));
    return crc;
}
#if defined(__ARM_FEATURE_CRC32)
static int crc32c_supported(void) { return 1; }
#else
#include <sys/auxv.h>
static int crc32c_supported(void) { return (getauxval(AT_HWCAP) >> 7) & 1; } /* HWCAP_CRC32 */
#endif
#endif

#if defined(__GNUC__)
#define CRC32C_PREFETCH(p) __builtin_prefetch(p)
#else
#define CRC32C_PREFETCH(p) ((void)0)
#endif

#define CRC32C_POLYNOMIAL 0x82F63B78u /* 0x1EDC6F41, bits reversed */
#define CRC32C_MASK_DELTA 0xA282EAD8u /* tensorflow/core/lib/hash/crc32c.h */
#define CRC32C_LONG ((size_t)4096)    /* bytes of one lane: long messages */
#define CRC32C_MIDDLE ((size_t)512)
#define CRC32C_SHORT ((size_t)256)    /* and shorter ones */

static uint32_t crc32c_table[8][256];
static uint32_t crc32c_skip_long[4][256], crc32c_skip_middle[4][256], crc32c_skip_short[4][256];
static int crc32c_is_hardware;

static inline uint64_t load_u64(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint32_t load_u32(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Slicing by 8: eight bytes a step, one lookup each. */
static uint32_t crc32c_by_tables(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word = load_u64(p) ^ crc;
        crc = crc32c_table[7][word & 0xFF] ^ crc32c_table[6][(word >> 8) & 0xFF] ^
              crc32c_table[5][(word >> 16) & 0xFF] ^ crc32c_table[4][(word >> 24) & 0xFF] ^
              crc32c_table[3][(word >> 32) & 0xFF] ^ crc32c_table[2][(word >> 40) & 0xFF] ^
              crc32c_table[1][(word >> 48) & 0xFF] ^ crc32c_table[0][word >> 56];
    }
    for (; size; p++, size--) crc = crc32c_table[0][(crc ^ *p) & 0xFF] ^ (crc >> 8);
    return crc;
}

#ifdef CRC32C_HARDWARE
static inline uint32_t crc32c_skip(uint32_t skip[4][256], uint32_t crc) {
    return skip[0][crc & 0xFF] ^ skip[1][(crc >> 8) & 0xFF] ^ skip[2][(crc >> 16) & 0xFF] ^
           skip[3][crc >> 24];
}

CRC32C_HARDWARE static inline uint32_t crc32c_lanes(uint32_t crc, const uint8_t *p, size_t lane,
                                                    uint32_t skip[4][256]) {
    uint32_t second = 0, third = 0;
    for (const uint8_t *end = p + lane; p < end; p += 64) {
        /* The lanes that come next, which no prefetcher of the processor can foresee. */
        CRC32C_PREFETCH(p + 3 * lane);
        CRC32C_PREFETCH(p + 4 * lane);
        CRC32C_PREFETCH(p + 5 * lane);
        for (int i = 0; i < 64; i += 8) {
            crc = CRC32C_8(crc, load_u64(p + i));
            second = CRC32C_8(second, load_u64(p + lane + i));
            third = CRC32C_8(third, load_u64(p + 2 * lane + i));
        }
    }
    crc = crc32c_skip(skip, crc) ^ second;
    return crc32c_skip(skip, crc) ^ third;
}

CRC32C_HARDWARE static uint32_t crc32c_by_lanes(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= 3 * CRC32C_LONG; p += 3 * CRC32C_LONG, size -= 3 * CRC32C_LONG)
        crc = crc32c_lanes(crc, p, CRC32C_LONG, crc32c_skip_long);
    for (; size >= 3 * CRC32C_MIDDLE; p += 3 * CRC32C_MIDDLE, size -= 3 * CRC32C_MIDDLE)
        crc = crc32c_lanes(crc, p, CRC32C_MIDDLE, crc32c_skip_middle);
    for (; size >= 3 * CRC32C_SHORT; p += 3 * CRC32C_SHORT, size -= 3 * CRC32C_SHORT)
        crc = crc32c_lanes(crc, p, CRC32C_SHORT, crc32c_skip_short);
    return crc;
}

CRC32C_HARDWARE static inline uint32_t crc32c_by_hardware(uint32_t crc, const uint8_t *p,
                                                          size_t size) {
    if (size >= 3 * CRC32C_SHORT) {
        crc = crc32c_by_lanes(crc, p, size);
        size_t done = size - size % (3 * CRC32C_SHORT);
        p += done, size -= done;
    }
    for (; size >= 8; p += 8, size -= 8) crc = CRC32C_8(crc, load_u64(p));
    if (size & 4) crc = CRC32C_4(crc, load_u32(p)), p += 4;
    if (size & 2) crc = CRC32C_1(CRC32C_1(crc, p[0]), p[1]), p += 2;
    if (size & 1) crc = CRC32C_1(crc, *p);
    return crc;
}
#endif

static inline uint32_t crc32c_extend(uint32_t crc, const uint8_t *p, size_t size) {
#ifdef CRC32C_HARDWARE
    if (crc32c_is_hardware) return crc32c_by_hardware(crc, p, size);
#endif
    return crc32c_by_tables(crc, p, size);
}

static inline uint32_t crc32c_masked(uint32_t crc) {
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + CRC32C_MASK_DELTA;
}

static inline uint32_t masked_crc32c(const uint8_t *p, size_t size) {
    return crc32c_masked(crc32c_extend(~0u, p, size));
}

static void crc32c_skip_setup(uint32_t skip[4][256], size_t zeros) {
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t crc = value << (8 * byte);
            for (size_t n = 0; n < zeros; n++) crc = crc32c_table[0][crc & 0xFF] ^ (crc >> 8);
            skip[byte][value] = crc;
        }
}

static void crc32c_setup(void) {
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        crc32c_table[0][value] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t before = crc32c_table[slice - 1][value];
            crc32c_table[slice][value] = crc32c_table[0][before & 0xFF] ^ (before >> 8);
        }
    crc32c_skip_setup(crc32c_skip_short, CRC32C_SHORT);
    crc32c_skip_setup(crc32c_skip_middle, CRC32C_MIDDLE);
    crc32c_skip_setup(crc32c_skip_long, CRC32C_LONG);
#ifdef CRC32C_HARDWARE
    crc32c_is_hardware = crc32c_supported();
#endif
}

#endif
