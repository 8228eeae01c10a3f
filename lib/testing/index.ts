/** The public surface of `perfring/testing`. */

export { missingPrivilege } from './missing-privilege';
export { type Describe, describeWithPrivilege, type PrivilegeOptions } from './describe-with-privilege';
export { collectEvents, type CollectOptions, CollectionError } from './collect-events';
export { expectNothingLeft, type KernelObjects, kernelObjects } from './kernel-objects';
