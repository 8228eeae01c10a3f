/*
 * What a C program would do in its sample_cb that wants the same as a query of ours (bench/subjects/query.mjs): the payload's
 * size is checked, and what does not fit is counted. A sample is `u64 sequence, u64 ktime, zeroes`.
 */
#ifndef PERFRING_BENCH_QUERIES_H
#define PERFRING_BENCH_QUERIES_H

#include "../../c/line_protocol.h"

enum { QUERY_ROWS = 1 << 15, QUERY_SLOTS = 2048, QUERY_BUCKETS = 65 };

struct query {
  uint64_t records, short_samples;
  uint32_t rows;
  uint64_t first[QUERY_ROWS];
  uint64_t second[QUERY_ROWS];
  uint32_t third[QUERY_ROWS];
  uint64_t sum;
  uint64_t buckets[QUERY_BUCKETS];
  struct {
    uint64_t count, key;
  } slots[QUERY_SLOTS];
};

struct query query;

static inline bool holds(uint32_t size, uint32_t wanted) {
  if (size >= wanted) {
    query.records++;
    return true;
  }
  query.short_samples++;
  return false;
}

static inline uint64_t word_at(const void *payload, size_t offset) {
  uint64_t word;
  memcpy(&word, (const char *)payload + offset, sizeof word);
  return word;
}

static void on_sample_column(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 8)) return;
  query.first[query.rows++] = word_at(payload, 0);
}

static void on_sample_columns(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 20)) return;
  query.first[query.rows] = word_at(payload, 0);
  query.second[query.rows] = word_at(payload, 8);
  memcpy(&query.third[query.rows++], (const char *)payload + 16, 4);
}

static void on_sample_filter(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 9)) return;
  if (((const uint8_t *)payload)[8] < 128) query.first[query.rows++] = word_at(payload, 0);
}

static void on_sample_sum(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 16)) return;
  query.sum += word_at(payload, 8);
}

static void on_sample_histogram(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 16)) return;
  const uint64_t value = word_at(payload, 8);
  query.buckets[value == 0 ? 0 : 64 - __builtin_clzll(value)]++;
}

static void on_sample_count(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu;
  if (!holds(size, 1)) return;
  const uint64_t key = *(const uint8_t *)payload;
  uint32_t slot = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 53);
  while (query.slots[slot].count != 0 && query.slots[slot].key != key) slot = (slot + 1) & (QUERY_SLOTS - 1);
  query.slots[slot].key = key;
  query.slots[slot].count++;
}

typedef void (*query_callback)(void *context, int cpu, void *payload, uint32_t size);

/* The callback of that name; NULL for none. */
static query_callback query_named(const char *line) {
  if (line_says(line, "variant", "column")) return on_sample_column;
  if (line_says(line, "variant", "columns")) return on_sample_columns;
  if (line_says(line, "variant", "filter")) return on_sample_filter;
  if (line_says(line, "variant", "sum")) return on_sample_sum;
  if (line_says(line, "variant", "histogram")) return on_sample_histogram;
  if (line_says(line, "variant", "count")) return on_sample_count;
  return NULL;
}

#endif
