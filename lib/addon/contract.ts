/**
 * The types of the C++ addon's functions: all of them, and nothing else.
 *
 * Rules for every function:
 * - It makes no decision, formats no message and never throws. It returns its result, or a **negative errno** (`-13`
 *   is EACCES). For an argument of the wrong type, range or state (a closed handle included) it does nothing and
 *   returns {@link BAD_ARGUMENT}.
 * - Handles are opaque externals with a type tag. A handle of another kind, or from another environment, is a bad
 *   argument. The garbage collector closes handles that were not closed, but don't rely on it: it may be late.
 *   Every `…Close` is idempotent and returns 0.
 * - C++ owns the file descriptors. A descriptor's number may be used, but never closed, in JavaScript.
 */

/** What every native function returns for an invalid argument. Lower than every negative errno (at least -4095). */
export const BAD_ARGUMENT = -100_000;

declare const handleKind: unique symbol;
interface Handle<Kind extends string> {
  readonly [handleKind]: Kind;
}

/** A perf event: the descriptor of perf_event_open(2). */
export type PerfEventHandle = Handle<'perf-event'>;
/** A mapped ring: the mapping of a perf event, and the only ArrayBuffer over it. */
export type MappedRingHandle = Handle<'mapped-ring'>;
/** The mapping of a BPF ring buffer map, and the only ArrayBuffer over it. */
export type BpfRingHandle = Handle<'bpf-ring'>;
export type UserRingHandle = Handle<'user-ring'>;
/** An epoll set with a timer, watched by the event loop. */
export type PollerHandle = Handle<'poller'>;
export type BpfMapHandle = Handle<'bpf-map'>;
export type BpfProgramHandle = Handle<'bpf-program'>;
export type BpfLinkHandle = Handle<'bpf-link'>;
/** An object of libbpf. */
export type BpfObjectHandle = Handle<'bpf-object'>;
/** A program attached by libbpf. It keeps its object open. */
export type BpfObjectLinkHandle = Handle<'bpf-object-link'>;

/** A result that is either a value or a negative errno. */
export type OrErrno<T> = T | number;

/** A view whose first bytes are a ring's metadata page (struct perf_event_mmap_page). */
export type RingMetadata = DataView | Uint8Array;

/** Bits of the first argument of {@link WakeCallback}. */
export const WAKE_EVENTS = 1;
export const WAKE_TIMER = 2;

/**
 * Called by the event loop when an event became ready or the timer expired.
 * @param reasons WAKE_EVENTS or WAKE_TIMER; when both are due, there are two calls. On WAKE_EVENTS look at the head of
 *   every ring: polling consumes the readiness of a perf event, so a list of ready rings would be incomplete.
 * @param hungUp tokens of events that hung up (their process ended, or their ring was unmapped). They are no longer
 *   polled. `undefined` when there are none.
 */
export type WakeCallback = (reasons: number, hungUp: number[] | undefined) => void;

/** The words of the state of {@link NativeAddon.queryRun}, in their order. */
export const QUERY_STATE = {
  /** Offset in the data area of the next record. */
  position: 0,
  /** Bytes published from there on. */
  left: 1,
  /** In: the most samples to process. Out: how many were processed. */
  samples: 2,
  /** In and out: rows in the columns. */
  rows: 3,
  /** The most rows that the columns can hold. */
  rowCapacity: 4,
  /** Out: samples too short for a field of the query. */
  short: 5,
  /** Out: samples that fulfil the condition. */
  matched: 6,
  /** Kept for the next call by the native code; 0 before the first call. */
  shortRuns: 7,
  /** Kept for the next call by the native code; 0 before the first call. */
  plainBlocks: 8,
} as const;

/** Two functions that are bound to rings and to an array, see {@link NativeAddon.ringGroup}. */
export interface BoundRingGroup {
  /** Acquires the data_head of each ring. */
  acquire(): void;
  /**
   * Adds the bytes to release to the data_tail (release) of each ring that was ready at the last acquire, and sets its
   * word to 0. The word of a ring stays when so many bytes are not published, or the ring is in overwrite mode.
   */
  release(): void;
}

export interface NativeAddon {
  // ------------------------------------------------------------------ perf events: perf_event_open(2)

  /**
   * @param attr bytes of struct perf_event_attr; attr.size (u32 at 4) must not be more than `attr.length`
   * @param groupFd -1, or the descriptor of the group's leader; it stays the caller's
   * @param flags PERF_FLAG_*; PERF_FLAG_FD_CLOEXEC is always added
   */
  perfEventOpen(
    attr: Uint8Array,
    pid: number,
    cpu: number,
    groupFd: number,
    flags: number,
  ): OrErrno<PerfEventHandle>;
  /** The descriptor's number, for messages and for polling it. Never close it. */
  perfEventFd(event: PerfEventHandle): number;
  /** PERF_EVENT_IOC_ENABLE or PERF_EVENT_IOC_DISABLE. */
  perfEventEnable(event: PerfEventHandle, enabled: boolean): number;
  /** PERF_EVENT_IOC_RESET: sets the counter to 0. Its times and its count of lost samples stay. */
  perfEventReset(event: PerfEventHandle): number;
  /** PERF_EVENT_IOC_ID: the event's unique id, as in its samples. */
  perfEventId(event: PerfEventHandle): number;
  /** PERF_EVENT_IOC_PAUSE_OUTPUT. Not synchronous: a record that is being written is completed. */
  perfEventPauseOutput(event: PerfEventHandle, paused: boolean): number;
  /** PERF_EVENT_IOC_SET_OUTPUT; `null` ends the redirection. */
  perfEventSetOutput(event: PerfEventHandle, target: PerfEventHandle | null): number;
  /** PERF_EVENT_IOC_SET_BPF. */
  perfEventSetBpf(event: PerfEventHandle, program: BpfProgramHandle): number;
  /** read(2) into `target`: 64-bit words, laid out as attr.read_format says. Returns the number of words. */
  perfEventRead(event: PerfEventHandle, target: BigUint64Array): number;
  perfEventClose(event: PerfEventHandle): number;

  // ------------------------------------------------------------------ mapped rings: mmap(2)

  /**
   * Maps 1 + dataPageCount pages of the event, MAP_SHARED. The mapping keeps the event alive until ringClose.
   * @param dataPageCount a power of two
   * @param writable false for overwrite mode, where the kernel overwrites old records and ignores data_tail
   */
  ringMap(event: PerfEventHandle, dataPageCount: number, writable: boolean): OrErrno<MappedRingHandle>;
  /**
   * The external ArrayBuffer over the whole mapping (metadata page and data); the same object at every call.
   * -95 (EOPNOTSUPP) where the runtime does not allow external buffers (napi_no_external_buffers_allowed), or when the
   * environment variable PERFRING_NO_EXTERNAL_BUFFERS was set when the addon was loaded: then use ringCopyPublished.
   * **A store into a data page raises SIGBUS.** Never pass the ArrayBuffer or a view of it to a user of the library.
   */
  ringBuffer(ring: MappedRingHandle): OrErrno<ArrayBuffer>;
  /**
   * Binds rings to memory for their positions, so that one call serves all rings and takes no arguments. A ring may be
   * in several groups. When it is closed, it stays in its groups, and its memory is not used any more.
   * @param rings 1 to 65,536 open rings of at most 1 GiB
   * @param positions 4 * n + 1 words for n rings, over a SharedArrayBuffer, which can't be detached; the group keeps it
   *   alive:
   *   - 0: number of rings that are ready: with bytes, with invalid positions, or closed
   *   - from 1: indices of the rings that are ready, ascending
   *   - from 1 + n, by index: bytes published and not released; -1 when data_head and data_tail are further apart than
   *     the ring is long, or not multiples of 8; -2 when the ring was closed
   *   - from 1 + 2n, by index: data_tail % capacity
   *   - from 1 + 3n, by index: bytes to release, 0 after each acquire; the only words that the caller sets
   *
   *   The words of rings that are not ready have no meaning.
   */
  ringGroup(rings: readonly MappedRingHandle[], positions: Int32Array): OrErrno<BoundRingGroup>;
  /** Releases everything published: data_tail = data_head. Returns the number of bytes skipped. */
  ringSkipToHead(ring: MappedRingHandle): number;
  /**
   * Copies the published bytes to the same offsets in `target`, which is at least as long as the mapping. Returns
   * data_head - data_tail, after an acquire of data_head; copies nothing when that is more than the capacity.
   */
  ringCopyPublished(ring: MappedRingHandle, target: Uint8Array): number;
  /**
   * Overwrite mode: copies the whole data area, newest record first, into `target`, which is as long as the capacity.
   * It reads data_head (h1), copies capacity bytes upward from h1 (wrapping), and reads data_head again (h2). Returns
   * h1 - h2: how many bytes the kernel wrote meanwhile. That many at the end of the copy may be overwritten.
   * @param position an array of length 1 that gets h1; data_head starts at 0 and decreases by each record's size
   *   (modulo 2^64)
   */
  ringSnapshot(ring: MappedRingHandle, target: Uint8Array, position: BigUint64Array): number;
  /**
   * Detaches the ArrayBuffer (every view then has length 0) and unmaps the memory before it returns. If the ArrayBuffer
   * was already detached by transfer() or structuredClone(), the new ArrayBuffer stays readable, and the memory is
   * unmapped when that one is collected.
   */
  ringClose(ring: MappedRingHandle): number;

  // ------------------------------------------------------------------ cursors of rings in memory
  // For a ring in an ArrayBuffer or SharedArrayBuffer: the same protocol on data_head and data_tail of the metadata
  // page in the view. BAD_ARGUMENT when the view is too short, unaligned or detached.

  cursorAvailable(metadata: RingMetadata): number;
  cursorConsume(metadata: RingMetadata, bytes: number): number;
  cursorSkipToHead(metadata: RingMetadata): number;
  /**
   * Bytes that can be written: capacity - (data_head - data_tail), after an acquire of data_tail. Negative: the ring is
   * corrupt.
   */
  cursorFree(metadata: RingMetadata, capacityBytes: number): number;
  /** Publishes `bytes` bytes with a store-release: data_head += bytes. */
  cursorPublish(metadata: RingMetadata, bytes: number): number;

  // ------------------------------------------------------------------ queries: native/system/sample_query.h

  /**
   * Writes the fields of published samples into columns and groups. It stops before a record that is not a sample or
   * has an invalid header.
   * @param program which fields and conditions: lib/query/query-program.ts encodes it
   * @param data the ring's data area
   * @param state QUERY_STATE: the position in the ring, and the results
   * @param table groups; empty when the query has none
   * @param columns each with room for `rowCapacity` rows; not a view of a mapped ring
   */
  queryRun(
    program: BigUint64Array,
    data: RingMetadata,
    state: Int32Array,
    table: BigUint64Array,
    ...columns: ArrayBufferView[]
  ): number;

  // ------------------------------------------------------------------ waking: epoll(7) and timerfd under one uv_poll

  pollerOpen(onWake: WakeCallback): OrErrno<PollerHandle>;
  /**
   * Adds the event of a mapped ring under a token (0 <= token < 2^31). Map the ring first: an event without a mapping
   * hangs up at once. The kernel does not signal records that were written before, so one wake (WAKE_EVENTS) always
   * follows.
   *
   * Or adds a ring buffer map, edge-triggered: a wake for each time that the kernel wakes its readers.
   */
  pollerAdd(poller: PollerHandle, watched: PerfEventHandle | BpfMapHandle, token: number): number;
  pollerRemove(poller: PollerHandle, watched: PerfEventHandle | BpfMapHandle): number;
  /**
   * Arms the timer with the first expiry and the interval. An interval of 0 makes it expire once; (0, 0) disarms it.
   */
  pollerSetTimer(poller: PollerHandle, firstMicroseconds: number, intervalMicroseconds: number): number;
  /**
   * Sets whether the poller keeps the process and its callback alive; at first it does. With false it holds the
   * callback weakly, so the caller must keep it reachable. Then an unreachable poller is collected and closed, even if
   * its callback refers to it.
   */
  pollerSetRef(poller: PollerHandle, keepAlive: boolean): number;
  /** Stops polling and closes. The callback is not called afterwards. May be called from the callback. */
  pollerClose(poller: PollerHandle): number;

  // ------------------------------------------------------------------ bpf(2)

  bpfMapCreate(
    type: number,
    keySize: number,
    valueSize: number,
    maxEntries: number,
    flags: number,
    name: string,
  ): OrErrno<BpfMapHandle>;
  /**
   * BPF_OBJ_GET. Also succeeds for a pinned program or link; then bpfMapInfo fails. @param fileFlags 0 or BPF_F_RDONLY
   */
  bpfMapOpenPinned(path: string, fileFlags: number): OrErrno<BpfMapHandle>;
  bpfMapOpenId(id: number, openFlags: number): OrErrno<BpfMapHandle>;
  /** Duplicates the descriptor (F_DUPFD_CLOEXEC). `fd` stays open and belongs to the caller. */
  bpfMapOpenFd(fd: number): OrErrno<BpfMapHandle>;
  /** BPF_OBJ_GET_INFO_BY_FD. -22 (EINVAL) when the descriptor is not a map. */
  bpfMapInfo(map: BpfMapHandle): OrErrno<BpfMapInfo>;
  /** The descriptor's number, for an instruction that loads the map. Never close it. */
  bpfMapFd(map: BpfMapHandle): number;
  /** BPF_MAP_UPDATE_ELEM of a perf event array: puts the event into slot `index`. */
  bpfMapSetEvent(map: BpfMapHandle, index: number, event: PerfEventHandle): number;
  /** BPF_MAP_UPDATE_ELEM. The lengths of key and value are as for bpfMapLookup. */
  bpfMapUpdate(map: BpfMapHandle, key: Uint8Array, value: Uint8Array, flags: number): number;
  /**
   * BPF_MAP_LOOKUP_ELEM: copies the map's value into `value`, which must have the same length. For a per-CPU map that
   * is valueSize, rounded up to a multiple of 8, times the number of possible CPUs. -14 (EFAULT) when the kernel has
   * more CPUs than /sys/devices/system/cpu/possible lists. If that file can't be read, BAD_ARGUMENT for a per-CPU map.
   */
  bpfMapLookup(map: BpfMapHandle, key: Uint8Array, value: Uint8Array): number;
  bpfMapDelete(map: BpfMapHandle, key: Uint8Array): number;
  /** BPF_MAP_UPDATE_BATCH. -22 (EINVAL) or -524 for maps without it. Entries before one that fails are set. */
  bpfMapUpdateBatch(map: BpfMapHandle, keys: Uint8Array, values: Uint8Array): number;
  /**
   * BPF_MAP_LOOKUP_BATCH. -22 (EINVAL) or -524 (ENOTSUPP) for a map type without it, -28 (ENOSPC) when the arrays are too
   * small for one bucket of a hash map.
   * @param position the end of the previous batch; gets the end of this one. As long as a key, at least 4 bytes
   * @param keys an array for the keys; `values` has room for as many values, each as long as for bpfMapLookup
   */
  bpfMapReadBatch(
    map: BpfMapHandle,
    position: Uint8Array,
    isFirst: boolean,
    keys: Uint8Array,
    values: Uint8Array,
  ): OrErrno<{ readonly count: number; readonly isLast: boolean }>;
  /** BPF_MAP_GET_NEXT_KEY. -2 (ENOENT) after the last key. @param key empty: returns the first key */
  bpfMapNextKey(map: BpfMapHandle, key: Uint8Array, next: Uint8Array): number;
  bpfMapPin(map: BpfMapHandle, path: string): number;
  bpfMapClose(map: BpfMapHandle): number;

  // ------------------------------------------------------------------ BPF ring buffers: mmap(2) of a map

  /**
   * Maps a BPF_MAP_TYPE_RINGBUF: the consumer's page to write, the producer's page and the data (twice in a row) to read.
   * The mapping holds a reference to the map, and lives until bpfRingClose.
   * @returns -22 (EINVAL) for a map of another type, -27 (EFBIG) for one of more than 512 MiB
   */
  bpfRingMap(map: BpfMapHandle): OrErrno<BpfRingHandle>;
  /**
   * The external ArrayBuffer over the read-only part: the producer's page, then the data, twice; the same object at
   * every call. -95 (EOPNOTSUPP) as {@link ringBuffer}: use bpfRingCopy. **A store into it raises SIGSEGV.** Never pass
   * it, or a view of it, to a user of the library.
   */
  bpfRingBuffer(ring: BpfRingHandle): OrErrno<ArrayBuffer>;
  /** producer_pos - consumer_pos in 64 bits, after an acquire of producer_pos. More than the capacity: corrupt. */
  bpfRingAvailable(ring: BpfRingHandle): number;
  /** The low 32 bits of consumer_pos, unsigned. */
  bpfRingConsumer(ring: BpfRingHandle): number;
  /**
   * Acquires record headers, from the record that begins `from` bytes after consumer_pos.
   * @param consumer the low 32 bits of consumer_pos, as the caller last wrote them
   * @param limit bytes after which to stop; the last record may end after it
   * @returns bytes of whole records that are committed; 0 when nothing is reserved there; -11 (EAGAIN) when the first
   *   one is not committed yet; -116 (ESTALE) when another reader has moved consumer_pos; -71 (EPROTO) when its header
   *   is invalid
   */
  bpfRingCommitted(ring: BpfRingHandle, consumer: number, from: number, limit: number): number;
  /**
   * Releases `bytes` to the producers: consumer_pos += bytes, with a full barrier.
   * @param consumer the low 32 bits of consumer_pos, as the caller last wrote them
   * @returns -116 (ESTALE) when another reader has moved consumer_pos, or fewer bytes are available; nothing is released
   */
  bpfRingConsume(ring: BpfRingHandle, consumer: number, bytes: number): number;
  /** Releases everything: consumer_pos = producer_pos. Returns the number of bytes skipped. */
  bpfRingSkipToProducer(ring: BpfRingHandle): number;
  /**
   * Copies `bytes` bytes of the ring, starting `from` bytes after consumer_pos, into `target`, which has the layout and
   * the length of bpfRingBuffer.
   */
  bpfRingCopy(ring: BpfRingHandle, from: number, bytes: number, target: Uint8Array): number;
  /** Detaches the ArrayBuffer and unmaps, as {@link ringClose}. */
  bpfRingClose(ring: BpfRingHandle): number;

  /**
   * Maps a user ring buffer map, to write to it. The mapping holds a reference to the map, and lives until
   * userRingClose.
   * @returns -22 (EINVAL) for a map of another type, -27 (EFBIG) for one of more than 512 MiB
   */
  userRingMap(map: BpfMapHandle): OrErrno<UserRingHandle>;
  /**
   * Reserves a record, copies the payload into it, and submits it.
   * @returns -28 (ENOSPC) when there is no room now, -7 (E2BIG) when it never fits, -116 (ESTALE) when another writer has
   *   moved producer_pos since the last call
   */
  userRingWrite(ring: UserRingHandle, payload: Uint8Array): number;
  /** Bytes that no program has read yet. */
  userRingUnread(ring: UserRingHandle): number;
  userRingClose(ring: UserRingHandle): number;

  /**
   * BPF_PROG_LOAD.
   * @param instructions struct bpf_insn, 8 bytes each
   * @param log gets the verifier's text, NUL-terminated; an empty array turns the log off
   */
  bpfProgramLoad(
    type: number,
    instructions: Uint8Array,
    license: string,
    name: string,
    log: Uint8Array,
  ): OrErrno<BpfProgramHandle>;
  bpfProgramFd(program: BpfProgramHandle): number;
  /**
   * BPF_PROG_TEST_RUN. Blocks until the program has run `repeat` times.
   * @param dataIn packet bytes (at least 14) for a tc program; empty for none
   * @param contextIn ctx_in; empty for none
   * @param flags BPF_F_TEST_RUN_ON_CPU, with `cpu`
   * @returns {returnValue, durationNanoseconds}; -4 (EINTR) when the program did not run `repeat` times. Signals of the
   *   thread are delayed until the call returns
   */
  bpfProgramTestRun(
    program: BpfProgramHandle,
    dataIn: Uint8Array,
    contextIn: Uint8Array,
    repeat: number,
    flags: number,
    cpu: number,
  ): OrErrno<BpfTestRunResult>;
  bpfProgramClose(program: BpfProgramHandle): number;
  /** BPF_RAW_TRACEPOINT_OPEN. Closing the link detaches the program. */
  bpfRawTracepointOpen(program: BpfProgramHandle, name: string): OrErrno<BpfLinkHandle>;
  /**
   * BPF_LINK_CREATE. Closing the link detaches.
   * @param target the descriptor of a cgroup or perf event (not owned), or the index of a network interface
   * @param attachType of enum bpf_attach_type
   */
  bpfLinkCreate(program: BpfProgramHandle, target: number, attachType: number): OrErrno<BpfLinkHandle>;
  bpfLinkPin(link: BpfLinkHandle, path: string): number;
  bpfLinkClose(link: BpfLinkHandle): number;

  /** BPF_PROG_GET_NEXT_ID: the next loaded program after `id`; 0 begins. -2 (ENOENT) after the last one. */
  bpfProgramNextId(id: number): number;
  bpfProgramInfoOfId(id: number): OrErrno<BpfProgramInfo>;
  /** The bytes of a BTF that is loaded in the kernel. */
  bpfBtfOfId(id: number): OrErrno<Uint8Array>;

  // ------------------------------------------------------------------ objects of libbpf.so.1
  // Status -79 (ELIBACC): no libbpf.so.1 has the needed functions; `log` is the message of dlopen(3).
  // Statuses from -4000 down are libbpf's own. Programs and maps are named by their index in bpfObjectPrograms and
  // bpfObjectMaps.

  /** The version, for example `v1.1.2`. The first call loads the library, which then stays loaded. */
  libbpfVersion(): LibbpfAnswer<string>;
  /**
   * Check the bytes before: libbpf reads out of bounds when the sizes in an ELF file are wrong.
   * @param name prefix of the kernel's names of .rodata, .data and .bss
   * @param btfPath BTF for CO-RE in place of the kernel's; empty for the kernel's
   * @param pinRoot the directory for maps that are declared as pinned; empty for /sys/fs/bpf
   */
  bpfObjectOpen(
    bytes: Uint8Array,
    name: string,
    btfPath: string,
    pinRoot: string,
  ): LibbpfAnswer<BpfObjectHandle> | number;
  /**
   * The object's BTF; empty without one. It contains the offsets of global variables, which the file does not. Call it
   * before the load.
   */
  bpfObjectBtf(object: BpfObjectHandle): OrErrno<Uint8Array>;
  /** Before the load. */
  bpfObjectPrograms(object: BpfObjectHandle): OrErrno<BpfObjectProgramInfo[]>;
  /** Before the load. */
  bpfObjectMaps(object: BpfObjectHandle): OrErrno<BpfObjectMapInfo[]>;
  bpfObjectSetAutoload(object: BpfObjectHandle, program: number, autoload: boolean): number;
  /** This function and the next two return -22 (EINVAL) for a map of global variables. */
  bpfObjectSetMapType(
    object: BpfObjectHandle,
    map: number,
    type: number,
    keySize: number,
    valueSize: number,
  ): number;
  bpfObjectSetMaxEntries(object: BpfObjectHandle, map: number, maxEntries: number): number;
  /** Uses this map instead of the object's own. The types and sizes are not compared. */
  bpfObjectReuseMap(object: BpfObjectHandle, map: number, existing: BpfMapHandle): number;
  /** A copy of the initial value of a map of global variables; empty for another map. */
  bpfObjectInitialValue(object: BpfObjectHandle, map: number): OrErrno<Uint8Array>;
  /** @param value as long as what bpfObjectInitialValue returns; -22 (EINVAL) for another length */
  bpfObjectSetInitialValue(object: BpfObjectHandle, map: number, value: Uint8Array): number;
  /**
   * Loads on a thread of the pool and returns at once. Until `onLoaded` is called, the object can only be closed: every
   * other function returns BAD_ARGUMENT. An object can be loaded once.
   * @param onLoaded `status` -125 (ECANCELED) after bpfObjectCancelLoad
   */
  bpfObjectLoad(object: BpfObjectHandle, onLoaded: (status: number, log: string) => void): number;
  /** -16 (EBUSY) when the load has begun: it continues. */
  bpfObjectCancelLoad(object: BpfObjectHandle): number;
  /** After the load: a new descriptor. -2 (ENOENT) for a program that was not loaded. */
  bpfObjectOpenProgram(object: BpfObjectHandle, program: number): OrErrno<BpfProgramHandle>;
  bpfObjectOpenMap(object: BpfObjectHandle, map: number): OrErrno<BpfMapHandle>;
  /** Links that are open keep the object's descriptors open. */
  bpfObjectClose(object: BpfObjectHandle): number;

  /** bpf_program__attach: by the program's section. */
  bpfObjectAttach(object: BpfObjectHandle, program: number): LibbpfAnswer<BpfObjectLinkHandle> | number;
  /**
   * @param pid -1 for every process, 0 for this one
   * @param symbol empty: the offset counts from the start of the file
   */
  bpfObjectAttachUprobe(
    object: BpfObjectHandle,
    program: number,
    isReturn: boolean,
    pid: number,
    path: string,
    symbol: string,
    offset: number,
  ): LibbpfAnswer<BpfObjectLinkHandle> | number;
  bpfObjectAttachUsdt(
    object: BpfObjectHandle,
    program: number,
    pid: number,
    path: string,
    provider: string,
    probe: string,
  ): LibbpfAnswer<BpfObjectLinkHandle> | number;
  bpfObjectAttachKprobe(
    object: BpfObjectHandle,
    program: number,
    isReturn: boolean,
    symbol: string,
    offset: number,
  ): LibbpfAnswer<BpfObjectLinkHandle> | number;
  /** Attaches as a filter of tc. If the interface has no clsact queue, one is created; it is not removed later. */
  bpfObjectAttachTc(
    object: BpfObjectHandle,
    program: number,
    interfaceIndex: number,
    egress: boolean,
  ): LibbpfAnswer<BpfObjectLinkHandle> | number;
  /** -95 (EOPNOTSUPP) for the link of a USDT probe or a tc filter, which has no descriptor. */
  bpfObjectLinkPin(link: BpfObjectLinkHandle, path: string): number;
  /** Runs an iterator program once and returns its output. -27 (EFBIG) when that is longer than `longest` bytes. */
  bpfObjectLinkRead(link: BpfObjectLinkHandle, longest: number): OrErrno<Uint8Array>;
  bpfObjectLinkClose(link: BpfObjectLinkHandle): number;

  // ------------------------------------------------------------------ the host

  /** if_nametoindex(3). -19 (ENODEV) when there is none. */
  networkInterfaceIndex(name: string): number;

  /** sysconf(_SC_PAGESIZE). */
  pageSize(): number;
  /**
   * The id of a tracepoint, from events/CATEGORY/NAME/id in a mounted tracefs. If none is visible, a tracefs is mounted
   * for this call only, outside the file tree (fsopen("tracefs"), fsconfig, fsmount, openat).
   */
  tracepointId(category: string, name: string): number;
  /** sched_getcpu(3): the CPU that the calling thread runs on, or -1 when that is unknown. */
  currentCpu(): number;
  /** sched_setaffinity of the calling thread. */
  setThreadAffinity(cpus: number[]): number;
  /** sched_getaffinity of the calling thread. */
  getThreadAffinity(): OrErrno<number[]>;
  /** How many handles of each kind are open in this environment. Tests use it to find leaks. */
  openHandles(): OpenHandles;
}

/**
 * The kernel's description of a map: fields of struct bpf_map_info.
 * @see struct bpf_map_info in https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
 */
export interface BpfMapInfo {
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  /** Unique while the map exists; `bpftool map` shows it. */
  readonly id: number;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; for a per-CPU map, the size of one CPU's value. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* that the map was created with. */
  readonly flags: number;
  /** Empty for a map without a name; cut to 15 bytes. */
  readonly name: string;
  /** Id of the BTF with the types of its keys and values; 0 without BTF, and for ring buffers and perf event arrays. */
  readonly btfId: number;
  /** Ids of the types in that BTF; 0 without BTF. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** A loaded program, as the kernel describes it. */
export interface BpfProgramInfo {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** Id of the BTF that it was loaded with; 0 without BTF. */
  readonly btfId: number;
  /** Cut to 15 bytes. */
  readonly name: string;
  /** Ids of the maps that it uses. */
  readonly mapIds: readonly number[];
}

/** The result of {@link BpfProgram.testRun}. */
export interface BpfTestRunResult {
  /** r0 of the last run, an unsigned 32-bit number. */
  readonly returnValue: number;
  /** The average time of one run; 0 for raw tracepoint programs, which the kernel does not time. */
  readonly durationNanoseconds: number;
}

/**
 * The result of a call of libbpf: `status` is 0 or a negative errno; `log` is the library's output, of which the last
 * 256 KiB are kept.
 */
export interface LibbpfAnswer<Value> {
  readonly status: number;
  readonly log: string;
  /** Present when the status is 0. */
  readonly value: Value | undefined;
}

/** A program of an object. */
export interface BpfObjectProgramInfo {
  readonly name: string;
  /** As in the object: `raw_tp/sched_switch`, with `?` before it when the program is not loaded by default. */
  readonly section: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** Of enum bpf_attach_type. */
  readonly attachType: number;
  /** Whether it is loaded by default. */
  readonly autoload: boolean;
}

/** A map of an object. */
export interface BpfObjectMapInfo {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; for a per-CPU map, the size of one CPU's value. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* */
  readonly flags: number;
  /** Ids of types in the object's BTF; 0 when the definition names no type. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Whether it holds global variables. */
  readonly isInternal: boolean;
  /** Empty for a map that is not pinned by its definition. */
  readonly pinPath: string;
}

export interface OpenHandles {
  readonly perfEvents: number;
  /** Mappings of open rings, and of closed rings whose ArrayBuffer was transferred and has not been collected. */
  readonly mappings: number;
  readonly pollers: number;
  readonly bpfMaps: number;
  readonly bpfPrograms: number;
  /** Including those made by libbpf. */
  readonly bpfLinks: number;
  readonly bpfObjects: number;
}
