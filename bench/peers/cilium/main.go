// The cilium/ebpf peer: perf.Reader of Debian's golang-github-cilium-ebpf-dev, spoken to by the line protocol
// (bench/protocol.md); for ring buffer maps its ringbuf.Reader. Two ways to read are measured, for the package offers
// two:
//
//	read      Read(), which allocates each sample
//	readinto  ReadInto() with one reused Record
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"golang.org/x/sys/unix"
)

const (
	latencySlots   = 64 * 40
	none           = math.MaxUint64 // no sequence number
	watermarkBytes = 4096
	// A question's kind when the map is a ring buffer map, not a perf event array.
	ringBuffer = "ring buffer"
)

// Question is one line from the driver.
type question struct {
	Do           string `json:"do"`
	Kind         string `json:"kind"`
	Variant      string `json:"variant"`
	Map          uint32 `json:"map"`
	Program      uint32 `json:"program"`
	RingBytes    int    `json:"ringBytes"`
	Records      int    `json:"records"`
	Cycles       int    `json:"cycles"`
	LatencyEvery int    `json:"latencyEvery"`
}

// Counts checks every record's sequence number; the first one of a CPU only sets what comes next.
type counts struct {
	gaps, missing, lost uint64
	next, base          []uint64 // what comes next (none before the first), and what did when the counts were set to 0
}

func newCounts(cpus int) *counts {
	c := &counts{next: make([]uint64, cpus), base: make([]uint64, cpus)}
	for cpu := range c.next {
		c.next[cpu], c.base[cpu] = none, none
	}
	return c
}

func (c *counts) check(record *perf.Record) {
	if record.LostSamples != 0 {
		c.lost += record.LostSamples
		return
	}
	sequence := binary.LittleEndian.Uint64(record.RawSample)
	if sequence != c.next[record.CPU] {
		if c.next[record.CPU] == none {
			c.base[record.CPU] = sequence
		} else {
			c.gaps++
			c.missing += sequence - c.next[record.CPU]
		}
	}
	c.next[record.CPU] = sequence + 1
}

// Seen is how many records came, by their numbers, as all readers of the benchmark know it: no visitor counts.
func (c *counts) seen() uint64 {
	var records uint64
	for cpu := range c.next {
		records += c.next[cpu] - c.base[cpu]
	}
	return records - c.missing
}

func (c *counts) reset() {
	c.gaps, c.missing, c.lost = 0, 0, 0
	copy(c.base, c.next)
}

// Opened is what a drain question works on.
type opened struct {
	output  *ebpf.Map
	program *ebpf.Program
	reader  *perf.Reader
	counts  *counts
	reuse   bool
}

var (
	output = json.NewEncoder(os.Stdout)
	// A reading of CLOCK_MONOTONIC (the clock of bpf_ktime_get_ns) with the instant it was taken at: time.Since
	// is then a cheap CLOCK_MONOTONIC, where unix.ClockGettime would be a system call each time.
	monotonicBase    uint64
	monotonicInstant time.Time
)

func answer(value any) {
	if err := output.Encode(value); err != nil {
		os.Exit(1)
	}
}

func fail(what string, err error) {
	answer(map[string]string{"error": fmt.Sprintf("%s: %v", what, err)})
	os.Exit(1)
}

func startClock() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		fail("clock_gettime", err)
	}
	monotonicInstant = time.Now()
	monotonicBase = uint64(now.Nano())
}

func monotonicNanoseconds() uint64 {
	return monotonicBase + uint64(time.Since(monotonicInstant))
}

func cpuMicroseconds() uint64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage", err)
	}
	return uint64(usage.Utime.Sec+usage.Stime.Sec)*1000000 + uint64(usage.Utime.Usec+usage.Stime.Usec)
}

func openMap(id uint32) *ebpf.Map {
	array, err := ebpf.NewMapFromID(ebpf.MapID(id))
	if err != nil {
		fail("map by id", err)
	}
	return array
}

// The watermark is a quarter of the ring: the fill is over it, so Read finds the ring ready, and hardly any wakeup
// falls into the fill. Nothing but the consumption is timed.
func openDrain(q *question) *opened {
	array := openMap(q.Map)
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(q.Program))
	if err != nil {
		fail("program by id", err)
	}
	reader, err := perf.NewReaderWithOptions(array, q.RingBytes, perf.ReaderOptions{Watermark: q.RingBytes / 4})
	if err != nil {
		fail("perf.NewReader", err)
	}
	return &opened{array, program, reader, newCounts(int(array.MaxEntries())), q.Variant == "readinto"}
}

func (o *opened) close() {
	o.reader.Close()
	o.program.Close()
	o.output.Close()
}

func (o *opened) drain(q *question) {
	o.counts.reset()
	packet := make([]byte, 64)
	var total time.Duration
	for cycle := 0; cycle < q.Cycles; cycle++ {
		if _, _, err := o.program.Benchmark(packet, q.Records, nil); err != nil {
			fail("BPF_PROG_TEST_RUN", err)
		}
		start := time.Now()
		if o.reuse {
			o.consumeInto(q.Records)
		} else {
			o.consume(q.Records)
		}
		total += time.Since(start)
	}
	answer(map[string]uint64{
		"ns": uint64(total), "records": o.counts.seen(), "gaps": o.counts.gaps, "lost": o.counts.lost,
	})
}

func (o *opened) consume(records int) {
	for i := 0; i < records; i++ {
		record, err := o.reader.Read()
		if err != nil {
			fail("Read", err)
		}
		o.counts.check(&record)
	}
}

func (o *opened) consumeInto(records int) {
	var record perf.Record
	for i := 0; i < records; i++ {
		if err := o.reader.ReadInto(&record); err != nil {
			fail("ReadInto", err)
		}
		o.counts.check(&record)
	}
}

// 64 slots an octave: slot v below 64, then (shift + 1) * 64 + the six bits after the leading one.
func latencySlot(nanoseconds uint64) int {
	if nanoseconds < 64 {
		return int(nanoseconds)
	}
	shift := bits.Len64(nanoseconds) - 7
	slot := (shift+1)*64 + int(nanoseconds>>shift) - 64
	if slot >= latencySlots {
		return latencySlots - 1
	}
	return slot
}

// Stream is the reader in its default settings: every CPU, a wakeup as soon as there is data. Variant "watermark": a
// wakeup for each 4 KiB in a ring; this version of the package has no way to read what is left below that.
func stream(q *question, lines *bufio.Scanner) {
	array := openMap(q.Map)
	defer array.Close()
	var options perf.ReaderOptions
	if q.Variant == "watermark" {
		options.Watermark = watermarkBytes
	}
	reader, err := perf.NewReaderWithOptions(array, q.RingBytes, options)
	if err != nil {
		fail("perf.NewReader", err)
	}
	counted := newCounts(int(array.MaxEntries()))
	latency := newLatency(q.LatencyEvery)
	go func() {
		if !lines.Scan() {
			os.Exit(0)
		}
		reader.Close() // makes Read answer ErrClosed
	}()
	answer(map[string]int{"ready": 1})
	cpuBefore := cpuMicroseconds()
	var record perf.Record
	for {
		err := reader.ReadInto(&record)
		if errors.Is(err, perf.ErrClosed) {
			break
		}
		if err != nil {
			fail("ReadInto", err)
		}
		counted.check(&record)
		if record.LostSamples != 0 {
			continue
		}
		latency.see(record.RawSample)
	}
	answerStream(counted, cpuMicroseconds()-cpuBefore, latency)
}

// `reader first MAP_ID RING_BYTES`: says when its first sample came, and ends.
func first(mapID, ringBytes string) {
	id, err := strconv.ParseUint(mapID, 10, 32)
	if err != nil {
		fail("map id", err)
	}
	bytes, err := strconv.Atoi(ringBytes)
	if err != nil {
		fail("ring bytes", err)
	}
	reader, err := perf.NewReader(openMap(uint32(id)), bytes)
	if err != nil {
		fail("perf.NewReader", err)
	}
	if _, err := reader.Read(); err != nil {
		fail("Read", err)
	}
	answer(map[string]uint64{"first": monotonicNanoseconds()})
}

func main() {
	startClock()
	if len(os.Args) == 4 && os.Args[1] == "first" {
		first(os.Args[2], os.Args[3])
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	var current interface {
		drain(q *question)
		close()
	}
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			fail("question", err)
		}
		switch q.Do {
		case "open":
			if q.Kind == ringBuffer {
				current = openRing(&q)
			} else {
				current = openDrain(&q)
			}
			answer(map[string]int{"ready": 1})
		case "drain":
			current.drain(&q)
		case "close":
			current.close()
			answer(map[string]int{"closed": 1})
		case "stream":
			if q.Kind == ringBuffer {
				streamRing(&q, lines)
			} else {
				stream(&q, lines)
			}
		default:
			fail("question", fmt.Errorf("unknown command %q", q.Do))
		}
	}
}
