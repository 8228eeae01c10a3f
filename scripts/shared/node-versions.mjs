/** Major version of Node -> the one that tests run with, from npm's packages node-linux-ARCH. */
export const NODE_VERSIONS = { 22: '22.23.3', 24: '24.21.0' };
