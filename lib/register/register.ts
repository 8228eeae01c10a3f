/**
 * `node --import perfring/register app.js`: from now on `import exec from './exec.bpf.o'` and `require('./exec.bpf.o')`
 * return the object with its types, for `BpfObject.open`. `perfring gen --dts` writes their declarations.
 */
import Module from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { readTypedObject } from '../index';

// In a thread of its own, so it has to be a file of its own.
Module.register(pathToFileURL(join(__dirname, 'register-hooks.js')));

type Load = (module: { exports: unknown }, path: string) => void;

/** For `require`: TypeScript turns `import` into it in CommonJS modules. */
const loaders = (Module as unknown as { readonly _extensions: Record<string, Load> })._extensions;
loaders['.o'] = (module, path) => {
  module.exports = { __esModule: true, default: readTypedObject(path) };
};
