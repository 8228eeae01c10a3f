/*
 * The benchmark's line protocol, for its C programs: one flat JSON object a line, in on stdin and out on
 * stdout (bench/protocol.md). Only what that protocol needs is understood: numbers and strings with no
 * escapes, no nesting.
 */
#ifndef PERFRING_BENCH_LINE_PROTOCOL_H
#define PERFRING_BENCH_LINE_PROTOCOL_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The text after `"name":`, or NULL when the line has no such field. */
static inline const char *line_field(const char *line, const char *name) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", name);
  const char *found = strstr(line, quoted);
  return found == NULL ? NULL : found + strlen(quoted);
}

static inline int64_t line_number(const char *line, const char *name, int64_t absent) {
  const char *text = line_field(line, name);
  return text == NULL ? absent : strtoll(text, NULL, 10);
}

static inline bool line_says(const char *line, const char *name, const char *value) {
  const char *text = line_field(line, name);
  size_t length = strlen(value);
  return text != NULL && text[0] == '"' && strncmp(text + 1, value, length) == 0 && text[1 + length] == '"';
}

/* Prints one line and flushes it: the driver waits for it. */
__attribute__((format(printf, 1, 2))) static inline void answer(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

/* A setup that failed is final: the driver reports the line and leaves this program's cells empty. */
__attribute__((noreturn)) static inline void fail(const char *what, int error) {
  answer("{\"error\":\"%s: %s\"}", what, strerror(error));
  exit(1);
}

/* CLOCK_MONOTONIC, which is the clock of bpf_ktime_get_ns(). */
static inline uint64_t monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* User and system time of this whole process. */
static inline uint64_t cpu_microseconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ull +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

#endif
