// Preloaded: writes the source of every function that the process makes from a string, as JSON into the file that
// MADE_FROM_STRINGS names, when it ends.
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
