import { noLoopCounts } from '../../../lib/records/record-ring';
import { LoopCache, LoopCopies } from '../../../lib/ring/specialise';

type Factory = (factor: number) => (n: number) => number;

/** Copies of a factory, which are tested as the copies of loops are. */
const copiesOf = (original: Factory): LoopCopies<Factory> =>
  new LoopCopies(original, (factory) => factory(1)(1));

/** Made from a string, because jest's coverage adds counters to functions in this file. */
const times = new Function('return (factor) => (n) => n * factor')() as Factory;
const outside = new Function('return (factor) => (n) => n * nowhere')() as Factory;

describe('LoopCopies', () => {
  it('makes a factory of its own for a visitor, which makes the same loops', () => {
    const copy = copiesOf(times).copyFor({}) as Factory;
    expect(copy).not.toBe(times);
    expect(copy(2)(21)).toBe(42);
  });

  it('makes another for each of the first 8 rings of a visitor, and one for all further', () => {
    const copies = copiesOf(times);
    const visitor = {};
    const made = Array.from({ length: 20 }, () => copies.copyFor(visitor));
    expect(new Set(made.slice(0, 9)).size).toBe(9);
    expect(new Set(made.slice(8)).size).toBe(1);
    expect(made).not.toContain(times);
    expect(made).not.toContain(copies.copyFor({}));
  });

  it.each([
    ['a copy does not work alone', outside],
    ['there is no source to copy', times.bind(null)],
  ])('makes none when %s, and tries that once', (_, original) => {
    const tried: unknown[] = [];
    const copies = new LoopCopies<Factory>(original, (factory) => {
      tried.push(factory);
      factory(1)(1);
    });
    expect(copies.copyFor({})).toBeUndefined();
    const { length } = tried;
    expect(copies.copyFor({})).toBeUndefined();
    expect(tried).toHaveLength(length);
  });

  it('makes copies of one loop where those of another do not work', () => {
    expect(copiesOf(outside).copyFor({})).toBeUndefined();
    expect(copiesOf(times).copyFor({})).toBeInstanceOf(Function);
  });

  it('makes none for a visitor while the engine refuses, and copies for the next', () => {
    const copies = copiesOf(times);
    expect(copies.copyFor({})).toBeInstanceOf(Function);
    const made = globalThis.Function;
    globalThis.Function = function refuse() {
      throw new RangeError('Maximum call stack size exceeded');
    } as unknown as FunctionConstructor;
    try {
      expect(copies.copyFor({})).toBeUndefined();
    } finally {
      globalThis.Function = made;
    }
    expect(copies.copyFor({})).toBeInstanceOf(Function);
  });

  it('tries once, on a copy and not on the original', () => {
    const works = jest.fn();
    const copies = new LoopCopies(times, works);
    copies.copyFor({});
    copies.copyFor({});
    expect(works).toHaveBeenCalledTimes(1);
    expect(works).not.toHaveBeenCalledWith(times);
  });
});

describe('LoopCache', () => {
  const cache = () => {
    let made = 0;
    return new LoopCache('shared', () => `copy ${++made}`, noLoopCounts());
  };
  /** Uses the loops often enough for a copy. */
  const use = (loops: LoopCache<string>, visitor: object): void => {
    for (let call = 0; call < 8; call++) loops.countRecords(visitor, 16_384);
  };

  it('has the shared loop for a visitor it has not seen', () => {
    expect(cache().loopFor({})).toBe('shared');
  });

  it('has a loop of its own, the same from then on, for a visitor that came often and saw much', () => {
    const loops = cache();
    const [one, other] = [{}, {}];
    use(loops, one);
    expect(loops.loopFor(one)).toBe('copy 1');
    use(loops, one);
    expect(loops.loopFor(one)).toBe('copy 1');
    expect(loops.loopFor(other)).toBe('shared');
    use(loops, other);
    expect(loops.loopFor(other)).toBe('copy 2');
    expect(loops.loopFor(one)).toBe('copy 1');
  });

  describe('before a large batch', () => {
    const LARGE = 32_768;
    const anew = () => () => undefined;

    it('gives a visitor its copy at once, and keeps it for it', () => {
      const loops = cache();
      const visitor = anew();
      expect(loops.loopFor(visitor, LARGE)).toBe('copy 1');
      for (let other = 0; other < 10; other++) loops.countRecords(() => other, 1);
      expect(loops.loopFor(visitor, LARGE)).toBe('copy 1');
      use(loops, visitor);
      expect(loops.loopFor(visitor)).toBe('copy 1');
    });

    it('gives all further visitors of the same code one copy together', () => {
      const loops = cache();
      loops.loopFor(anew(), LARGE);
      expect([1, 2, 3].map(() => loops.loopFor(anew(), LARGE))).toEqual(['copy 2', 'copy 2', 'copy 2']);
      expect(loops.loopFor(anew())).toBe('copy 2');
    });

    it.each([
      ['a batch is smaller', () => anew(), LARGE - 1],
      ['the code cannot be told', () => anew().bind(null), LARGE],
    ])('gives none while %s', (_, visitor, bytes) => {
      const loops = cache();
      for (let batch = 0; batch < 3; batch++) expect(loops.loopFor(visitor(), bytes)).toBe('shared');
    });

    it('makes none for a visitor that was called before: V8 has already optimised the shared loop', () => {
      const loops = cache();
      const visitor = anew();
      loops.countRecords(visitor, 1);
      expect(loops.loopFor(visitor, LARGE)).toBe('shared');
    });

    it('asks once where none can be made', () => {
      const fresh = jest.fn(() => undefined);
      const loops = new LoopCache<string>('shared', fresh, noLoopCounts());
      const visitor = anew();
      for (let batch = 0; batch < 3; batch++) {
        expect(loops.loopFor(visitor, LARGE)).toBe('shared');
        loops.countRecords(visitor, 1000);
      }
      expect(fresh).toHaveBeenCalledTimes(1);
    });
  });

  it('asks for the copy by the visitor', () => {
    const visitor = {};
    const fresh = jest.fn(() => 'copy');
    const loops = new LoopCache<string>('shared', fresh, noLoopCounts());
    use(loops, visitor);
    expect(fresh).toHaveBeenCalledTimes(1);
    expect(fresh).toHaveBeenCalledWith(visitor);
  });

  it('gives a copy at the fourth call, when 16,384 records were delivered by then, and not before', () => {
    const loops = cache();
    const visitor = {};
    for (let call = 0; call < 3; call++) loops.countRecords(visitor, 4096);
    loops.countRecords(visitor, 4095);
    expect(loops.loopFor(visitor)).toBe('shared');
    loops.countRecords(visitor, 1);
    expect(loops.loopFor(visitor)).toBe('copy 1');
    const other = {};
    for (let call = 0; call < 3; call++) loops.countRecords(other, 16_384);
    expect(loops.loopFor(other)).toBe('shared');
    loops.countRecords(other, 0);
    expect(loops.loopFor(other)).toBe('copy 2');
  });

  it('keeps the shared loop, and asks no more, for a visitor of which no copy could be made', () => {
    const fresh = jest.fn(() => undefined);
    const counts = noLoopCounts();
    const loops = new LoopCache<string>('shared', fresh, counts);
    const visitor = {};
    use(loops, visitor);
    expect(loops.loopFor(visitor)).toBe('shared');
    expect(fresh).toHaveBeenCalledTimes(1);
    expect(counts).toEqual({ shared: 8 * 16_384, own: 0, single: 0 });
  });

  it('counts the records by the loop that delivered them', () => {
    const counts = noLoopCounts();
    const loops = new LoopCache<string>('shared', () => 'copy', counts);
    const visitor = {};
    for (let call = 0; call < 4; call++) loops.countRecords(visitor, 5000);
    expect(counts).toEqual({ shared: 20_000, own: 0, single: 0 });
    loops.countRecords(visitor, 7);
    loops.countRecords({}, 1);
    expect(counts).toEqual({ shared: 20_001, own: 7, single: 0 });
    const anew = () => () => undefined;
    for (let call = 0; call < 5; call++) loops.countRecords(anew(), 5000);
    expect(counts).toEqual({ shared: 40_001, own: 5007, single: 0 });
  });

  it('makes none for a visitor that saw much at once, or little often', () => {
    const loops = cache();
    const [once, often] = [{}, {}];
    loops.countRecords(once, 10_000_000);
    for (let call = 0; call < 1000; call++) loops.countRecords(often, 1);
    expect(loops.loopFor(once)).toBe('shared');
    expect(loops.loopFor(often)).toBe('shared');
  });

  it('counts the calls of a batch as one', () => {
    const loops = cache();
    for (let batch = 0; batch < 100; batch++) {
      const visitor = {};
      for (let call = 0; call < 100; call++) loops.countRecords(visitor, 8192, call > 0);
      expect(loops.loopFor(visitor)).toBe('shared');
    }
  });

  it('has one loop for all visitors that one piece of code makes, each for a batch', () => {
    const loops = cache();
    const anew = () => () => undefined;
    const others = () => () => null;
    for (let batch = 0; batch < 8; batch++) {
      expect(loops.loopFor(anew())).toBe(batch < 4 ? 'shared' : 'copy 1');
      const visitor = anew();
      for (let call = 0; call < 10; call++) loops.countRecords(visitor, 8192, call > 0);
    }
    expect(loops.loopFor(others())).toBe('shared');
    use(loops, { of: 'no code' });
    expect(loops.loopFor(anew())).toBe('copy 1');
  });

  it('makes none for functions whose code cannot be read, however many there are', () => {
    const loops = cache();
    for (let batch = 0; batch < 100; batch++) loops.countRecords((() => undefined).bind(null), 16_384);
    expect(loops.loopFor((() => undefined).bind(null))).toBe('shared');
  });

  it('gives a visitor that comes back a loop of its own, whatever its code has', () => {
    const loops = cache();
    const anew = () => () => undefined;
    for (let batch = 0; batch < 8; batch++) loops.countRecords(anew(), 16_384);
    const stays = anew();
    expect(loops.loopFor(stays)).toBe('copy 1');
    use(loops, stays);
    expect(loops.loopFor(stays)).toBe('copy 2');
    expect(loops.loopFor(anew())).toBe('copy 1');
  });

  it('recognises a visitor that was used repeatedly, after many that were used once', () => {
    const loops = cache();
    const stays = (): undefined => undefined;
    const anew = () => () => null;
    for (let call = 0; call < 8; call++) {
      loops.countRecords(stays, 16_384);
      if (call > 0) for (let other = 0; other < 10; other++) loops.countRecords(anew(), 1);
    }
    expect(loops.loopFor(stays)).toBe('copy 1');
  });

  it('gives each of many visitors without code, taking turns, a loop of its own', () => {
    const loops = cache();
    const visitors = Array.from({ length: 20 }, () => (() => undefined).bind(null));
    for (let call = 0; call < 8; call++) for (const visitor of visitors) loops.countRecords(visitor, 16_384);
    expect(new Set(visitors.map((visitor) => loops.loopFor(visitor))).size).toBe(20);
  });
});
