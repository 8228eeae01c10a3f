/*
 * The libbpf peer: perf_buffer of Debian's libbpf, spoken to by the line protocol (bench/protocol.md).
 *
 * Two callbacks are measured, for libbpf offers two:
 *   sample   perf_buffer__new() with a sample_cb, what nearly every program uses
 *   raw      perf_buffer__new_raw() with an event_cb that looks at the header itself: libbpf's least
 * and for the queries row those of queries.h.
 */
#define _GNU_SOURCE
#include "../../c/latency.h"
#include "../../c/line_protocol.h"
#include "queries.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_CPUS = 4096, COPY_TARGET_BYTES = 1 << 16, WATERMARK_BYTES = 4096 };

/* No sequence number. */
static const uint64_t NONE = UINT64_MAX;

/* What bpf_perf_event_output wrote: the record as the ring holds it. */
struct sample_record {
  struct perf_event_header header;
  uint32_t raw_size;
  char payload[];
};

struct lost_record {
  struct perf_event_header header;
  uint64_t id;
  uint64_t lost;
};

struct reader {
  struct perf_buffer *buffer;
  int map, program, quiet_event;
  uint64_t gaps, missing, lost;
  uint64_t next[MOST_CPUS]; /* the sequence number that must come next on a CPU; NONE before the first */
  uint64_t base[MOST_CPUS]; /* what came next when the counts were set to 0 */
  uint32_t latency_every, until_latency;
  uint32_t latency[LATENCY_SLOTS];
  uint64_t copied;
  bool is_query;
  char copy_target[COPY_TARGET_BYTES];
};

/* Every record's sequence number is checked; the first one of a CPU only sets what comes next. */
static inline __attribute__((always_inline)) void check(struct reader *reader, int cpu, const char *payload) {
  uint64_t sequence;
  memcpy(&sequence, payload, sizeof sequence);
  if (sequence != reader->next[cpu]) {
    if (reader->next[cpu] == NONE) {
      reader->base[cpu] = sequence;
    } else {
      reader->gaps++;
      reader->missing += sequence - reader->next[cpu];
    }
  }
  reader->next[cpu] = sequence + 1;
}

/* Records seen, by their numbers, as all readers of the benchmark know it: no visitor counts. */
static uint64_t records_seen(const struct reader *reader) {
  uint64_t records = 0;
  for (int cpu = 0; cpu < MOST_CPUS; cpu++) records += reader->next[cpu] - reader->base[cpu];
  return records - reader->missing;
}

static void on_sample(void *context, int cpu, void *payload, uint32_t size) {
  (void)size;
  check(context, cpu, payload);
}

static void on_lost(void *context, int cpu, __u64 count) {
  (void)cpu;
  ((struct reader *)context)->lost += count;
}

static enum bpf_perf_event_ret on_event(void *context, int cpu, struct perf_event_header *event) {
  struct reader *reader = context;
  if (event->type == PERF_RECORD_SAMPLE) {
    check(reader, cpu, ((const struct sample_record *)event)->payload);
  } else if (event->type == PERF_RECORD_LOST) {
    reader->lost += ((const struct lost_record *)event)->lost;
  }
  return LIBBPF_PERF_EVENT_CONT;
}

/* The copy row: the payload is copied out, one after the other, into 64 KiB of our own. */
static void on_sample_copy(void *context, int cpu, void *payload, uint32_t size) {
  struct reader *reader = context;
  check(reader, cpu, payload);
  if (reader->copied + size > COPY_TARGET_BYTES) reader->copied = 0;
  memcpy(reader->copy_target + reader->copied, payload, size);
  reader->copied += size;
}

static void on_sample_stream(void *context, int cpu, void *payload, uint32_t size) {
  struct reader *reader = context;
  (void)size;
  check(reader, cpu, payload);
  if (--reader->until_latency == 0) {
    reader->until_latency = reader->latency_every;
    uint64_t ktime;
    memcpy(&ktime, (const char *)payload + 8, sizeof ktime);
    const uint64_t now = monotonic_nanoseconds();
    reader->latency[latency_slot(now > ktime ? now - ktime : 0)]++;
  }
}

static void reset_counts(struct reader *reader) {
  reader->gaps = reader->missing = reader->lost = 0;
  memcpy(reader->base, reader->next, sizeof reader->base);
}

/* For a source that counts from the start again. */
static void forget_counts(struct reader *reader) {
  for (int cpu = 0; cpu < MOST_CPUS; cpu++) reader->next[cpu] = NONE;
  reset_counts(reader);
}

static void open_map(struct reader *reader, const char *line) {
  reader->map = bpf_map_get_fd_by_id((uint32_t)line_number(line, "map", 0));
  if (reader->map < 0) fail("map by id", errno);
}

static size_t page_count(int64_t ring_bytes) {
  return (size_t)(ring_bytes / getpagesize());
}

/* An event that never wakes anybody, apart from the mapping's own watermark at half the ring. (2^31 would wake
 * at every record: the kernel compares as int.) */
static struct perf_event_attr quiet_attributes(void) {
  return (struct perf_event_attr){.size = sizeof(struct perf_event_attr),
                                  .type = PERF_TYPE_SOFTWARE,
                                  .config = PERF_COUNT_SW_BPF_OUTPUT,
                                  .sample_type = PERF_SAMPLE_RAW,
                                  .sample_period = 1,
                                  .wakeup_events = 1u << 30};
}

/*
 * perf_buffer__new() of libbpf 1.1 has no way to open with fewer wakeups than one a sample. For the drain rows,
 * which time nothing but the consumption, a quiet event is redirected into its ring and takes the map's slot.
 */
static int put_quiet_event(const struct reader *reader, int cpu) {
  struct perf_event_attr attr = quiet_attributes();
  int event = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (event < 0) fail("perf_event_open", errno);
  /* Only the ring of the same CPU takes it. Its index is not the CPU's number where a CPU is offline. */
  size_t index = 0;
  while (ioctl(event, PERF_EVENT_IOC_SET_OUTPUT, perf_buffer__buffer_fd(reader->buffer, index)) != 0)
    if (++index == perf_buffer__buffer_cnt(reader->buffer)) fail("PERF_EVENT_IOC_SET_OUTPUT", errno);
  if (bpf_map_update_elem(reader->map, &cpu, &event, BPF_ANY) != 0) fail("map slot", errno);
  return event;
}

static void open_drain(struct reader *reader, const char *line) {
  int cpu = (int)line_number(line, "cpu", 0);
  const size_t pages = page_count(line_number(line, "ringBytes", 65536));
  open_map(reader, line);
  reader->program = bpf_prog_get_fd_by_id((uint32_t)line_number(line, "program", 0));
  if (reader->program < 0) fail("program by id", errno);
  reader->quiet_event = -1;
  if (line_says(line, "variant", "raw")) {
    struct perf_event_attr attr = quiet_attributes();
    LIBBPF_OPTS(perf_buffer_raw_opts, options, .cpu_cnt = 1, .cpus = &cpu, .map_keys = &cpu);
    reader->buffer = perf_buffer__new_raw(reader->map, pages, &attr, on_event, reader, &options);
    if (reader->buffer == NULL) fail("perf_buffer__new_raw", errno);
  } else {
    perf_buffer_sample_fn callback = query_named(line);
    reader->is_query = callback != NULL;
    if (callback == NULL) callback = line_says(line, "variant", "copy") ? on_sample_copy : on_sample;
    reader->buffer = perf_buffer__new(reader->map, pages, callback, on_lost, reader, NULL);
    if (reader->buffer == NULL) fail("perf_buffer__new", errno);
    reader->quiet_event = put_quiet_event(reader, cpu);
  }
  forget_counts(reader);
  answer("{\"ready\":1}");
}

/* Fills the ring of this CPU (the driver pinned us to it) and times nothing but perf_buffer__consume(). */
static void drain(struct reader *reader, const char *line) {
  static char packet[64];
  const uint32_t count = (uint32_t)line_number(line, "records", 1000);
  const int64_t cycles = line_number(line, "cycles", 1);
  uint64_t nanoseconds = 0;
  reset_counts(reader);
  query.records = 0;
  for (int64_t cycle = 0; cycle < cycles; cycle++) {
    query.rows = 0;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .repeat = (int)count);
    if (bpf_prog_test_run_opts(reader->program, &options) != 0) fail("BPF_PROG_TEST_RUN", errno);
    const uint64_t start = monotonic_nanoseconds();
    const int result = perf_buffer__consume(reader->buffer);
    nanoseconds += monotonic_nanoseconds() - start;
    if (result < 0) fail("perf_buffer__consume", -result);
  }
  answer("{\"ns\":%llu,\"records\":%llu,\"gaps\":%llu,\"lost\":%llu}", (unsigned long long)nanoseconds,
         (unsigned long long)(reader->is_query ? query.records : records_seen(reader)),
         (unsigned long long)reader->gaps, (unsigned long long)reader->lost);
}

static void close_buffer(struct reader *reader) {
  perf_buffer__free(reader->buffer);
  if (reader->quiet_event >= 0) close(reader->quiet_event);
  if (reader->program > 0) close(reader->program);
  close(reader->map);
  answer("{\"closed\":1}");
}

static atomic_bool stop_asked;

/* Waits for the driver's `stop` beside the poll loop, so that the loop itself is what a program would write. */
static void *wait_for_stop(void *unused) {
  char line[256];
  (void)unused;
  if (fgets(line, sizeof line, stdin) == NULL) exit(0);
  atomic_store(&stop_asked, true);
  return NULL;
}

static enum bpf_perf_event_ret on_event_stream(void *context, int cpu, struct perf_event_header *event) {
  if (event->type == PERF_RECORD_SAMPLE) {
    on_sample_stream(context, cpu, ((struct sample_record *)event)->payload, 0);
  } else if (event->type == PERF_RECORD_LOST) {
    on_lost(context, cpu, ((const struct lost_record *)event)->lost);
  }
  return LIBBPF_PERF_EVENT_CONT;
}

/* A wakeup for each 4 KiB in a ring, as a program has that was tuned for load. */
static struct perf_buffer *open_watermark_buffer(struct reader *reader, size_t pages) {
  struct perf_event_attr attr = {.size = sizeof(struct perf_event_attr),
                                 .type = PERF_TYPE_SOFTWARE,
                                 .config = PERF_COUNT_SW_BPF_OUTPUT,
                                 .sample_type = PERF_SAMPLE_RAW,
                                 .sample_period = 1,
                                 .watermark = 1,
                                 .wakeup_watermark = WATERMARK_BYTES};
  return perf_buffer__new_raw(reader->map, pages, &attr, on_event_stream, reader, NULL);
}

/*
 * libbpf in its default settings: every possible CPU, one wakeup a sample, perf_buffer__poll(). Variant "watermark": a
 * wakeup for each 4 KiB, and what is left below that is read after 1 ms without one.
 */
static void stream(struct reader *reader, const char *line) {
  const size_t pages = page_count(line_number(line, "ringBytes", 262144));
  open_map(reader, line);
  reader->latency_every = reader->until_latency = (uint32_t)line_number(line, "latencyEvery", 1);
  memset(reader->latency, 0, sizeof reader->latency);
  forget_counts(reader);
  reader->quiet_event = -1;
  const bool by_watermark = line_says(line, "variant", "watermark");
  reader->buffer = by_watermark ? open_watermark_buffer(reader, pages)
                                : perf_buffer__new(reader->map, pages, on_sample_stream, on_lost, reader, NULL);
  if (reader->buffer == NULL) fail("perf_buffer__new", errno);
  atomic_store(&stop_asked, false);
  pthread_t waiting;
  if (pthread_create(&waiting, NULL, wait_for_stop, NULL) != 0) fail("pthread_create", errno);
  answer("{\"ready\":1}");
  const uint64_t cpu_before = cpu_microseconds();
  while (!atomic_load_explicit(&stop_asked, memory_order_relaxed)) {
    int result = perf_buffer__poll(reader->buffer, by_watermark ? 1 : 100);
    if (result == 0 && by_watermark) result = perf_buffer__consume(reader->buffer);
    if (result < 0 && result != -EINTR) fail("perf_buffer__poll", -result);
  }
  const uint64_t cpu = cpu_microseconds() - cpu_before;
  perf_buffer__consume(reader->buffer);
  pthread_join(waiting, NULL);
  printf("{\"records\":%llu,\"gaps\":%llu,\"missing\":%llu,\"lost\":%llu,\"cpuMicroseconds\":%llu,\"latency\":",
         (unsigned long long)records_seen(reader), (unsigned long long)reader->gaps, (unsigned long long)reader->missing,
         (unsigned long long)reader->lost, (unsigned long long)cpu);
  print_latency(reader->latency);
  puts("}");
  fflush(stdout);
  perf_buffer__free(reader->buffer);
  close(reader->map);
}

static void on_first_sample(void *context, int cpu, void *payload, uint32_t size) {
  (void)context, (void)cpu, (void)payload, (void)size;
  answer("{\"first\":%llu}", (unsigned long long)monotonic_nanoseconds());
  exit(0);
}

/* `reader first MAP_ID RING_BYTES`: says when its first sample came, and ends. */
static void first(const char *map, const char *ring_bytes) {
  const int fd = bpf_map_get_fd_by_id((uint32_t)atoi(map));
  if (fd < 0) fail("map by id", errno);
  struct perf_buffer *buffer = perf_buffer__new(fd, page_count(atoll(ring_bytes)), on_first_sample, NULL, NULL, NULL);
  if (buffer == NULL) fail("perf_buffer__new", errno);
  for (;;) {
    const int result = perf_buffer__poll(buffer, 1000);
    if (result < 0 && result != -EINTR) fail("perf_buffer__poll", -result);
  }
}

int main(int count, char **arguments) {
  static struct reader reader;
  static char line[65536];
  if (count == 4 && strcmp(arguments[1], "first") == 0) first(arguments[2], arguments[3]);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (line_says(line, "do", "open")) {
      open_drain(&reader, line);
    } else if (line_says(line, "do", "drain")) {
      drain(&reader, line);
    } else if (line_says(line, "do", "close")) {
      close_buffer(&reader);
    } else if (line_says(line, "do", "stream")) {
      stream(&reader, line);
    } else {
      fail("unknown command", EINVAL);
    }
  }
  return 0;
}
