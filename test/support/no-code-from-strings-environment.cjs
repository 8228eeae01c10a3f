'use strict';

/**
 * A jest environment in which code can't be made from strings. Tests run in a separate context, to which node's
 * --disallow-code-generation-from-strings does not apply.
 */

const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

class NoCodeFromStringsEnvironment extends TestEnvironment {
  constructor(...args) {
    const { createContext } = vm;
    vm.createContext = (object) => createContext(object, { codeGeneration: { strings: false, wasm: true } });
    try {
      super(...args);
    } finally {
      vm.createContext = createContext;
    }
    const made = vm.runInContext(
      '(() => { try { return new Function("return 1")(); } catch { return 0; } })()',
      this.context,
    );
    if (made !== 0) throw new Error('code can be made from strings after all');
  }
}

module.exports = NoCodeFromStringsEnvironment;
