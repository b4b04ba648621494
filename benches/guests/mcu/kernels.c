/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What interpreters are measured with on microcontrollers: eleven kernels that use the processor in different ways, and
 * one that does nothing but call the host.
 *
 * Compiled to WebAssembly and to the board's own code, both free of libc. Each `b_*` takes how much to do, and gives a
 * number that must be the same in both.
 */
#include <stdint.h>

#define NI __attribute__((noinline))
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
__attribute__((import_module("env"), import_name("host_add"))) extern uint32_t host_add(uint32_t);
#else
#define EXPORT(name) __attribute__((used, noinline))
extern uint32_t host_add(uint32_t);
#endif

/* ---- Calls ----------------------------------------------------------------------------------- */

static NI uint32_t fib_of(uint32_t n) { return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2); }
EXPORT(b_fib) uint32_t b_fib(uint32_t n) { return fib_of(n); }

static NI uint32_t op0(uint32_t x) { return x + 1; }
static NI uint32_t op1(uint32_t x) { return x * 3; }
static NI uint32_t op2(uint32_t x) { return x ^ 0x55; }
static NI uint32_t op3(uint32_t x) { return x >> 1; }
typedef uint32_t (*operation)(uint32_t);
static operation volatile operations[4] = {op0, op1, op2, op3};
EXPORT(b_indirect) uint32_t b_indirect(uint32_t n)
{
    uint32_t a = 1;
    for (uint32_t i = 0; i < n; i++)
        a = operations[(a + i) & 3](a);
    return a;
}

EXPORT(b_host) uint32_t b_host(uint32_t n)
{
    uint32_t a = 0;
    for (uint32_t i = 0; i < n; i++)
        a = host_add(a);
    return a;
}

/* The same loop without a call: what is left of `b_host` is the call. */
EXPORT(b_loop) uint32_t b_loop(uint32_t n)
{
    uint32_t a = 0;
    for (uint32_t i = 0; i < n; i++)
        __asm__ volatile("" : "+r"(a), "+r"(i));
    return a;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static uint8_t marks[16384];
EXPORT(b_sieve) uint32_t b_sieve(uint32_t rounds)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        count = 0;
        for (int i = 0; i < 16384; i++)
            marks[i] = 1;
        for (uint32_t i = 2; i < 16384; i++) {
            if (marks[i]) {
                count++;
                for (uint32_t k = i + i; k < 16384; k += i)
                    marks[k] = 0;
            }
        }
    }
    return count;
}

static int32_t ma[32 * 32], mb[32 * 32], mc[32 * 32];
EXPORT(b_matmul) uint32_t b_matmul(uint32_t rounds)
{
    for (int i = 0; i < 1024; i++) {
        ma[i] = i * 7 + 1;
        mb[i] = i * 3 - 5;
    }
    uint32_t sum = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < 32; i++)
            for (int j = 0; j < 32; j++) {
                uint32_t a = 0;
                for (int k = 0; k < 32; k++)
                    a += (uint32_t)ma[i * 32 + k] * (uint32_t)mb[k * 32 + j];
                mc[i * 32 + j] = (int32_t)a;
            }
        sum += (uint32_t)mc[r & 1023];
        ma[r & 1023] ^= (int32_t)sum;
    }
    return sum;
}

static int32_t numbers[2000];
static NI void sort(int32_t *a, int lo, int hi)
{
    while (lo < hi) {
        int32_t pivot = a[(lo + hi) >> 1];
        int i = lo, j = hi;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j) {
                int32_t t = a[i];
                a[i] = a[j];
                a[j] = t;
                i++;
                j--;
            }
        }
        if (j - lo < hi - i) {
            sort(a, lo, j);
            lo = i;
        } else {
            sort(a, i, hi);
            hi = j;
        }
    }
}
EXPORT(b_qsort) uint32_t b_qsort(uint32_t rounds)
{
    uint32_t sum = 0, x = 12345;
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < 2000; i++) {
            x = x * 1664525u + 1013904223u;
            numbers[i] = (int32_t)x;
        }
        sort(numbers, 0, 1999);
        sum ^= (uint32_t)numbers[r % 2000];
        for (int i = 1; i < 2000; i++)
            if (numbers[i - 1] > numbers[i])
                return 0xdead;
    }
    return sum;
}

/* ---- Integers -------------------------------------------------------------------------------- */

static uint8_t buffer[16384];
static uint32_t crc_table[256];
EXPORT(b_crc) uint32_t b_crc(uint32_t rounds)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = (c & 1) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crc_table[i] = c;
    }
    for (uint32_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (uint8_t)(i * 31 + 7);
    uint32_t c = ~0u;
    for (uint32_t r = 0; r < rounds; r++)
        for (uint32_t i = 0; i < sizeof buffer; i++)
            c = crc_table[(c ^ buffer[i]) & 255] ^ (c >> 8);
    return ~c;
}

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
#define ROTATE(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
static NI void sha_block(uint32_t *h, const uint8_t *p)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (ROTATE(a, 7) ^ ROTATE(a, 18) ^ (a >> 3)) + w[i - 7] +
               (ROTATE(b, 17) ^ ROTATE(b, 19) ^ (b >> 10));
    }
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = k + (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
        uint32_t t2 = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        k = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    h[5] += f;
    h[6] += g;
    h[7] += k;
}
EXPORT(b_sha) uint32_t b_sha(uint32_t kilobytes)
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (uint32_t i = 0; i < 1024; i++)
        buffer[i] = (uint8_t)i;
    for (uint32_t k = 0; k < kilobytes; k++)
        for (int j = 0; j < 16; j++)
            sha_block(h, buffer + 64 * j);
    return h[0] ^ h[7];
}

EXPORT(b_i64mix) uint32_t b_i64mix(uint32_t n)
{
    uint64_t a = 0x9E3779B97F4A7C15ull, s = 1;
    for (uint32_t i = 0; i < n; i++) {
        s += a;
        uint64_t z = s;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        s ^= z >> 31;
    }
    return (uint32_t)(s ^ (s >> 32));
}

/* ---- Floats ---------------------------------------------------------------------------------- */

#define NBODY(T, SQRT, NAME) \
    typedef struct { T x, y, z, vx, vy, vz, m; } body_##NAME; \
    static body_##NAME bodies_##NAME[5]; \
    static NI void advance_##NAME(T dt) \
    { \
        for (int i = 0; i < 5; i++) { \
            body_##NAME *a = &bodies_##NAME[i]; \
            for (int j = i + 1; j < 5; j++) { \
                body_##NAME *b = &bodies_##NAME[j]; \
                T dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z; \
                T d2 = dx * dx + dy * dy + dz * dz; \
                T mag = dt / (d2 * SQRT(d2)); \
                a->vx -= dx * b->m * mag; \
                a->vy -= dy * b->m * mag; \
                a->vz -= dz * b->m * mag; \
                b->vx += dx * a->m * mag; \
                b->vy += dy * a->m * mag; \
                b->vz += dz * a->m * mag; \
            } \
        } \
        for (int i = 0; i < 5; i++) { \
            body_##NAME *a = &bodies_##NAME[i]; \
            a->x += dt * a->vx; \
            a->y += dt * a->vy; \
            a->z += dt * a->vz; \
        } \
    } \
    EXPORT(b_##NAME) uint32_t b_##NAME(uint32_t n) \
    { \
        for (int i = 0; i < 5; i++) { \
            body_##NAME *b = &bodies_##NAME[i]; \
            b->x = (T)(1 + i * 5); \
            b->y = (T)(2 + i * 3); \
            b->z = (T)i * (T)0.5; \
            b->vx = (T)i * (T)0.01; \
            b->vy = (T)0.3 - (T)i * (T)0.05; \
            b->vz = (T)0.02; \
            b->m = i ? (T)0.01 : (T)39.5; \
        } \
        for (uint32_t i = 0; i < n; i++) \
            advance_##NAME((T)0.01); \
        return (uint32_t)(int32_t)(bodies_##NAME[0].vx * (T)1000000); \
    }
NBODY(float, __builtin_sqrtf, nbody32)

NBODY(double, __builtin_sqrt, nbody64)
