package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
)

// OpenedRing is what a drain question works on for ring buffer maps: ringbuf.Reader, by Read() or ReadInto().
type openedRing struct {
	output  *ebpf.Map
	program *ebpf.Program
	reader  *ringbuf.Reader
	counts  *counts
	reuse   bool
}

func openRing(q *question) *openedRing {
	output := openMap(q.Map)
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(q.Program))
	if err != nil {
		fail("program by id", err)
	}
	reader, err := ringbuf.NewReader(output)
	if err != nil {
		fail("ringbuf.NewReader", err)
	}
	return &openedRing{output, program, reader, newCounts(1), q.Variant == "readinto"}
}

func (o *openedRing) close() {
	o.reader.Close()
	o.program.Close()
	o.output.Close()
}

func (o *openedRing) drain(q *question) {
	o.counts.reset()
	packet := make([]byte, 64)
	var total time.Duration
	for cycle := 0; cycle < q.Cycles; cycle++ {
		if _, _, err := o.program.Benchmark(packet, q.Records, nil); err != nil {
			fail("BPF_PROG_TEST_RUN", err)
		}
		start := time.Now()
		if o.reuse {
			var record ringbuf.Record
			for i := 0; i < q.Records; i++ {
				if err := o.reader.ReadInto(&record); err != nil {
					fail("ReadInto", err)
				}
				o.counts.check(&perf.Record{RawSample: record.RawSample})
			}
		} else {
			for i := 0; i < q.Records; i++ {
				record, err := o.reader.Read()
				if err != nil {
					fail("Read", err)
				}
				o.counts.check(&perf.Record{RawSample: record.RawSample})
			}
		}
		total += time.Since(start)
	}
	answer(map[string]uint64{"ns": uint64(total), "records": o.counts.seen(), "gaps": o.counts.gaps, "lost": 0})
}

func streamRing(q *question, lines *bufio.Scanner) {
	output := openMap(q.Map)
	defer output.Close()
	reader, err := ringbuf.NewReader(output)
	if err != nil {
		fail("ringbuf.NewReader", err)
	}
	counted := newCounts(1)
	latency := newLatency(q.LatencyEvery)
	go func() {
		if !lines.Scan() {
			os.Exit(0)
		}
		reader.Close() // makes Read answer ErrClosed
	}()
	answer(map[string]int{"ready": 1})
	cpuBefore := cpuMicroseconds()
	var record ringbuf.Record
	for {
		err := reader.ReadInto(&record)
		if errors.Is(err, ringbuf.ErrClosed) {
			break
		}
		if err != nil {
			fail("ReadInto", err)
		}
		counted.check(&perf.Record{RawSample: record.RawSample})
		latency.see(record.RawSample)
	}
	answerStream(counted, cpuMicroseconds()-cpuBefore, latency)
}

// Latency is the histogram of a stream, of every `every`-th record.
type latency struct {
	slots       []uint32
	every, left int
}

func newLatency(every int) *latency {
	if every < 1 {
		every = 1
	}
	return &latency{make([]uint32, latencySlots), every, every}
}

func (l *latency) see(sample []byte) {
	l.left--
	if l.left != 0 {
		return
	}
	l.left = l.every
	ktime := binary.LittleEndian.Uint64(sample[8:])
	now := monotonicNanoseconds()
	if now < ktime {
		now = ktime
	}
	l.slots[latencySlot(now-ktime)]++
}

func answerStream(counted *counts, cpu uint64, latency *latency) {
	slots := [][2]uint32{}
	for slot, count := range latency.slots {
		if count != 0 {
			slots = append(slots, [2]uint32{uint32(slot), count})
		}
	}
	answer(map[string]any{
		"records": counted.seen(), "gaps": counted.gaps, "missing": counted.missing, "lost": counted.lost,
		"cpuMicroseconds": cpu, "latency": slots,
	})
}
