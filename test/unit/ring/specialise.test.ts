import type * as Specialise from '../../../lib/ring/specialise';
import { LoopCache } from '../../../lib/ring/specialise';

type Factory = (factor: number) => (n: number) => number;

/** A module of its own: it remembers for good when no copies can be made. */
function freshCopies(original: Factory, works: (factory: Factory) => void): Specialise.LoopCopies<Factory> {
  let copies: Specialise.LoopCopies<Factory> | undefined;
  jest.isolateModules(() => {
    const { LoopCopies } = jest.requireActual<typeof Specialise>('../../../lib/ring/specialise');
    copies = new LoopCopies(original, works);
  });
  return copies as Specialise.LoopCopies<Factory>;
}

/** Made from text, as it would be without jest: coverage adds counters to functions of this file. */
const times = new Function('return (factor) => (n) => n * factor')() as Factory;
const outside = new Function('return (factor) => (n) => n * nowhere')() as Factory;

describe('LoopCopies', () => {
  it('makes a factory of its own for a visitor, which makes the same loops', () => {
    const copy = freshCopies(times, (factory) => factory(1)(1)).copyFor({});
    expect(copy).not.toBe(times);
    expect(copy(2)(21)).toBe(42);
  });

  it('makes another for each of the first rings of a visitor, and one for all further', () => {
    const copies = freshCopies(times, () => undefined);
    const visitor = {};
    const made = Array.from({ length: 20 }, () => copies.copyFor(visitor));
    const [last] = made.slice(-1);
    const own = made.slice(0, made.indexOf(last as Factory));
    expect(own.length).toBeGreaterThan(0);
    expect(new Set(own).size).toBe(own.length);
    expect(new Set(made.slice(own.length)).size).toBe(1);
    expect(copies.copyFor({})).not.toBe(last);
  });

  it('serves the original when a copy does not work alone', () => {
    expect(freshCopies(outside, (factory) => factory(1)(1)).copyFor({})).toBe(outside);
  });

  it('serves the original when it has no source to copy', () => {
    const bound = times.bind(null);
    expect(freshCopies(bound, (factory) => factory(1)(1)).copyFor({})).toBe(bound);
  });

  it('tries once, on a copy and not on the original', () => {
    const works = jest.fn();
    const copies = freshCopies(times, works);
    copies.copyFor({});
    copies.copyFor({});
    expect(works).toHaveBeenCalledTimes(1);
    expect(works).not.toHaveBeenCalledWith(times);
  });
});

describe('LoopCache', () => {
  const cache = () => {
    let made = 0;
    return new LoopCache('shared', () => `copy ${++made}`);
  };
  /** Enough for a copy. */
  const use = (loops: LoopCache<string>, visitor: object): void => {
    for (let call = 0; call < 8; call++) loops.saw(visitor, 16_384);
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

  it('asks for the copy by the visitor', () => {
    const visitor = {};
    const fresh = jest.fn(() => 'copy');
    const loops = new LoopCache<string>('shared', fresh);
    use(loops, visitor);
    expect(fresh).toHaveBeenCalledTimes(1);
    expect(fresh).toHaveBeenCalledWith(visitor);
  });

  it('makes none for a visitor that saw much at once, or little often', () => {
    const loops = cache();
    const [once, often] = [{}, {}];
    loops.saw(once, 10_000_000);
    for (let call = 0; call < 1000; call++) loops.saw(often, 1);
    expect(loops.loopFor(once)).toBe('shared');
    expect(loops.loopFor(often)).toBe('shared');
  });

  it('counts the calls of a batch as one', () => {
    const loops = cache();
    for (let batch = 0; batch < 100; batch++) {
      const visitor = {};
      for (let call = 0; call < 100; call++) loops.saw(visitor, 8192, call > 0);
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
      for (let call = 0; call < 10; call++) loops.saw(visitor, 8192, call > 0);
    }
    expect(loops.loopFor(others())).toBe('shared');
    use(loops, { of: 'no code' });
    expect(loops.loopFor(anew())).toBe('copy 1');
  });

  it('has none for functions whose code cannot be told, however many come', () => {
    const loops = cache();
    for (let batch = 0; batch < 100; batch++) loops.saw((() => undefined).bind(null), 16_384);
    expect(loops.loopFor((() => undefined).bind(null))).toBe('shared');
  });

  it('gives a visitor that comes back a loop of its own, whatever its code has', () => {
    const loops = cache();
    const anew = () => () => undefined;
    for (let batch = 0; batch < 8; batch++) loops.saw(anew(), 16_384);
    const stays = anew();
    expect(loops.loopFor(stays)).toBe('copy 1');
    use(loops, stays);
    expect(loops.loopFor(stays)).toBe('copy 2');
    expect(loops.loopFor(anew())).toBe('copy 1');
  });

  it('knows a visitor again after many that came once, when it had come back before them', () => {
    const loops = cache();
    const stays = (): undefined => undefined;
    const anew = () => () => null;
    for (let call = 0; call < 8; call++) {
      loops.saw(stays, 16_384);
      if (call > 0) for (let other = 0; other < 10; other++) loops.saw(anew(), 1);
    }
    expect(loops.loopFor(stays)).toBe('copy 1');
  });

  it('gives each of many visitors without code, taking turns, a loop of its own', () => {
    const loops = cache();
    const visitors = Array.from({ length: 20 }, () => (() => undefined).bind(null));
    for (let call = 0; call < 8; call++) for (const visitor of visitors) loops.saw(visitor, 16_384);
    expect(new Set(visitors.map((visitor) => loops.loopFor(visitor))).size).toBe(20);
  });
});
