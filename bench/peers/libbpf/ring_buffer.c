/*
 * The libbpf peer for ring buffer maps: ring_buffer of Debian's libbpf, spoken to by the line protocol
 * (bench/protocol.md). One CPU writes, so one sequence of numbers is checked.
 */
#define _GNU_SOURCE
#include "../../c/latency.h"
#include "../../c/line_protocol.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct reader {
  struct ring_buffer *ring;
  int map, program;
  uint64_t next, base, gaps, missing;
  bool started;
  uint32_t latency_every, until_latency;
  uint32_t latency[LATENCY_SLOTS];
};

/* Every record's sequence number is checked; the first one only sets what comes next. */
static inline __attribute__((always_inline)) void check(struct reader *reader, const char *payload) {
  uint64_t sequence;
  memcpy(&sequence, payload, sizeof sequence);
  if (sequence != reader->next) {
    if (reader->started) {
      reader->gaps++;
      reader->missing += sequence - reader->next;
    } else {
      reader->base = sequence;
    }
    reader->started = true;
  }
  reader->next = sequence + 1;
}

static uint64_t records_seen(const struct reader *reader) { return reader->next - reader->base - reader->missing; }

static void reset_counts(struct reader *reader) {
  reader->gaps = reader->missing = 0;
  reader->base = reader->next;
}

static int on_sample(void *context, void *payload, size_t size) {
  (void)size;
  check(context, payload);
  return 0;
}

static int on_sample_stream(void *context, void *payload, size_t size) {
  struct reader *reader = context;
  (void)size;
  check(reader, payload);
  if (--reader->until_latency == 0) {
    reader->until_latency = reader->latency_every;
    uint64_t ktime;
    memcpy(&ktime, (const char *)payload + 8, sizeof ktime);
    const uint64_t now = monotonic_nanoseconds();
    reader->latency[latency_slot(now > ktime ? now - ktime : 0)]++;
  }
  return 0;
}

static void open_ring(struct reader *reader, const char *line, ring_buffer_sample_fn callback) {
  reader->map = bpf_map_get_fd_by_id((uint32_t)line_number(line, "map", 0));
  if (reader->map < 0) fail("map by id", errno);
  reader->ring = ring_buffer__new(reader->map, callback, reader, NULL);
  if (reader->ring == NULL) fail("ring_buffer__new", errno);
  reader->started = false;
  reader->next = 0;
  reset_counts(reader);
}

static void close_ring(struct reader *reader) {
  ring_buffer__free(reader->ring);
  close(reader->map);
}

/* Fills the ring from this thread and times nothing but ring_buffer__consume(). */
static void drain(struct reader *reader, const char *line) {
  static char packet[64];
  const uint32_t count = (uint32_t)line_number(line, "records", 1000);
  const int64_t cycles = line_number(line, "cycles", 1);
  uint64_t nanoseconds = 0;
  reset_counts(reader);
  for (int64_t cycle = 0; cycle < cycles; cycle++) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .repeat = (int)count);
    if (bpf_prog_test_run_opts(reader->program, &options) != 0) fail("BPF_PROG_TEST_RUN", errno);
    const uint64_t start = monotonic_nanoseconds();
    const int result = ring_buffer__consume(reader->ring);
    nanoseconds += monotonic_nanoseconds() - start;
    if (result < 0) fail("ring_buffer__consume", -result);
  }
  answer("{\"ns\":%llu,\"records\":%llu,\"gaps\":%llu,\"lost\":0}", (unsigned long long)nanoseconds,
         (unsigned long long)records_seen(reader), (unsigned long long)reader->gaps);
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

static void stream(struct reader *reader, const char *line) {
  reader->latency_every = reader->until_latency = (uint32_t)line_number(line, "latencyEvery", 1);
  memset(reader->latency, 0, sizeof reader->latency);
  open_ring(reader, line, on_sample_stream);
  atomic_store(&stop_asked, false);
  pthread_t waiting;
  if (pthread_create(&waiting, NULL, wait_for_stop, NULL) != 0) fail("pthread_create", errno);
  answer("{\"ready\":1}");
  const uint64_t cpu_before = cpu_microseconds();
  while (!atomic_load_explicit(&stop_asked, memory_order_relaxed)) {
    const int result = ring_buffer__poll(reader->ring, 100);
    if (result < 0 && result != -EINTR) fail("ring_buffer__poll", -result);
  }
  const uint64_t cpu = cpu_microseconds() - cpu_before;
  ring_buffer__consume(reader->ring);
  pthread_join(waiting, NULL);
  printf("{\"records\":%llu,\"gaps\":%llu,\"missing\":%llu,\"lost\":0,\"cpuMicroseconds\":%llu,\"latency\":",
         (unsigned long long)records_seen(reader), (unsigned long long)reader->gaps,
         (unsigned long long)reader->missing, (unsigned long long)cpu);
  print_latency(reader->latency);
  puts("}");
  fflush(stdout);
  close_ring(reader);
}

int main(void) {
  static struct reader reader;
  static char line[65536];
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (line_says(line, "do", "open")) {
      open_ring(&reader, line, on_sample);
      reader.program = bpf_prog_get_fd_by_id((uint32_t)line_number(line, "program", 0));
      if (reader.program < 0) fail("program by id", errno);
      answer("{\"ready\":1}");
    } else if (line_says(line, "do", "drain")) {
      drain(&reader, line);
    } else if (line_says(line, "do", "close")) {
      close(reader.program);
      close_ring(&reader);
      answer("{\"closed\":1}");
    } else if (line_says(line, "do", "stream")) {
      stream(&reader, line);
    } else {
      fail("unknown command", EINVAL);
    }
  }
  return 0;
}
