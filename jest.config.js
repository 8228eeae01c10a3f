'use strict';

/**
 * Three kinds of test: unit (no privilege), integration (the real kernel), process (child processes).
 * workerIdleMemoryLimit, in bytes, makes jest start a fresh child process for every file, one at a time: a crash costs
 * one file, and no two files compete for the same CPU's producer. It is 2, since 1 is taken for all of the memory.
 */
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      // As tsconfig.json: a field that is set once is constant to V8.
      jsc: {
        parser: { syntax: 'typescript' },
        target: 'es2022',
        transform: { useDefineForClassFields: false },
      },
      module: { type: 'commonjs' },
      sourceMaps: 'inline',
    },
  ],
};

/** This package has only ES modules, which jest doesn't load. */
transform['node_modules/@marcbachmann/.+\\.js$'] = [
  '@swc/jest',
  { jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022' }, module: { type: 'commonjs' } },
];

const project = (displayName) => ({
  displayName,
  rootDir: __dirname,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  testEnvironment: 'node',
  transform,
  transformIgnorePatterns: ['/node_modules/(?!@marcbachmann/)'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build'],
});

module.exports = {
  projects: ['unit', 'integration', 'process'].map(project),
  maxWorkers: 1,
  workerIdleMemoryLimit: 2,
  testTimeout: 120_000,
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageProvider: 'babel',
};
