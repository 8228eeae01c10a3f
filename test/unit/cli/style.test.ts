import { styleFor, takesEscapes } from '../../../lib/cli/style';

describe('styleFor', () => {
  it('paints on a terminal', () => {
    expect(styleFor({ isTTY: true }, {}).bad('x')).toBe('\u001b[31mx\u001b[39m');
  });

  it.each([
    ['no terminal', {}, {}],
    ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }],
  ])('leaves text as it is for %s', (_why, stream, environment) => {
    const style = styleFor(stream, environment);
    expect([style.bold, style.dim, style.good, style.bad, style.warn].map((paint) => paint('x'))).toEqual(
      Array(5).fill('x'),
    );
  });
});

describe('takesEscapes', () => {
  it.each([
    [{ isTTY: true }, { TERM: 'xterm', NO_COLOR: '1' }, true],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{}, { TERM: 'xterm' }, false],
  ])('is for %j with %j: %s', (stream, environment, expected) => {
    expect(takesEscapes(stream, environment)).toBe(expected);
  });
});
