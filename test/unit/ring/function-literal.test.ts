import type * as FunctionLiteral from '../../../lib/ring/function-literal';

/** A new instance of the module, which counts the sources that it has seen. */
function fresh(): typeof FunctionLiteral.literalOf {
  let literalOf: typeof FunctionLiteral.literalOf | undefined;
  jest.isolateModules(() => {
    ({ literalOf } = jest.requireActual<typeof FunctionLiteral>('../../../lib/ring/function-literal'));
  });
  return literalOf as typeof FunctionLiteral.literalOf;
}

/** Functions whose sources have one length. */
const ones = () => () => 1;
const twos = () => () => 2;

describe('literalOf', () => {
  it('returns the same for functions of one literal, and different values for different literals', () => {
    const literalOf = fresh();
    const one = literalOf(ones());
    const two = literalOf(twos());
    expect(one).toBeDefined();
    expect(two).toBeDefined();
    expect(one).not.toBe(two);
    for (let turn = 0; turn < 3; turn++) {
      expect(literalOf(ones())).toBe(one);
      expect(literalOf(twos())).toBe(two);
    }
  });

  it('asks the function and not what it says of itself', () => {
    const literalOf = fresh();
    const one = literalOf(ones());
    const liar = Object.assign(ones(), { toString: () => 'a lie' });
    expect(literalOf(liar)).toBe(one);
  });

  it.each([
    ['a bound function', ones().bind(null)],
    ['a proxy', new Proxy(ones(), {})],
    ['a function of the engine', Math.max],
    ['no function', {}],
  ])('returns nothing for %s', (_, value) => {
    expect(fresh()(value)).toBeUndefined();
  });

  it('follows no program that makes code without end', () => {
    const literalOf = fresh();
    const one = literalOf(ones());
    // So many different sources could be made only from strings, which is not allowed everywhere.
    const sources = jest.spyOn(Function.prototype, 'toString');
    let made = 0;
    try {
      for (let n = 0; n < 1000; n++) {
        sources.mockReturnValue(`() => ${n}`);
        if (literalOf(ones()) !== undefined) made++;
      }
    } finally {
      sources.mockRestore();
    }
    expect(made).toBe(63);
    expect(literalOf(ones())).toBe(one);
  });
});
