import { styleText } from 'node:util';

type StyleName = Parameters<typeof styleText>[0];

/** Colours for one stream. There are none when it is not a terminal, or when NO_COLOR is set. */
export interface Style {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
}

/** The part of a stream that is used here: only a tty.WriteStream has isTTY. */
export interface MaybeTerminal {
  readonly isTTY?: boolean;
}

/** Whether the stream is a terminal that understands escape sequences. */
export function takesEscapes(stream: MaybeTerminal, environment: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}

/** @see https://no-color.org */
export function styleFor(stream: MaybeTerminal, environment: NodeJS.ProcessEnv = process.env): Style {
  const { NO_COLOR } = environment;
  // Node 20.0 to 20.11 does not have styleText.
  const enabled =
    takesEscapes(stream, environment) && !NO_COLOR && typeof (styleText as unknown) === 'function';
  // Later versions check whether stdout is a terminal. The stream may be another one, so the check is turned off.
  const options = { validateStream: false };
  const paint = (name: StyleName) => (text: string) => (enabled ? styleText(name, text, options) : text);
  return {
    enabled,
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    warn: paint('yellow'),
  };
}
