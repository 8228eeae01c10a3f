// A module to preload. When the process ends it writes the sources of all functions that were made from strings, as
// JSON, to the file that MADE_FROM_STRINGS names.
'use strict';

const { writeFileSync } = require('node:fs');

const sources = [];
globalThis.Function = new Proxy(Function, {
  construct(target, args) {
    sources.push(String(args.at(-1)));
    return Reflect.construct(target, args);
  },
});
process.on('exit', () => writeFileSync(process.env.MADE_FROM_STRINGS, JSON.stringify(sources)));
