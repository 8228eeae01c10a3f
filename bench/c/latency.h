/* The latency histogram of the benchmark's C programs (bench/protocol.md). */
#ifndef PERFRING_BENCH_LATENCY_H
#define PERFRING_BENCH_LATENCY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { LATENCY_SLOTS = 64 * 40 };

/* 64 slots an octave: slot v below 64, then (shift + 1) * 64 + the six bits after the leading one. */
static inline uint32_t latency_slot(uint64_t nanoseconds) {
  if (nanoseconds < 64) return (uint32_t)nanoseconds;
  const uint32_t shift = 63 - (uint32_t)__builtin_clzll(nanoseconds) - 6;
  const uint32_t slot = (shift + 1) * 64 + (uint32_t)((nanoseconds >> shift) - 64);
  return slot < LATENCY_SLOTS ? slot : LATENCY_SLOTS - 1;
}

/* Prints the slots that are not 0: [[slot,count],...] */
static inline void print_latency(const uint32_t latency[LATENCY_SLOTS]) {
  bool first = true;
  putchar('[');
  for (uint32_t slot = 0; slot < LATENCY_SLOTS; slot++) {
    if (latency[slot] == 0) continue;
    printf("%s[%u,%u]", first ? "" : ",", slot, latency[slot]);
    first = false;
  }
  putchar(']');
}

#endif
