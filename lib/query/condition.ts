import { PerfRingError } from '../errors';
import { plainList, plainProperties } from '../input/plain-data';
import { shown } from '../input/shown';
import type { NamedField } from './query-field';

/** How a field is compared with a constant. Text, bytes and booleans have no order: only == and != compare them. */
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * Which samples a query takes: a comparison of a field with a constant, or a combination of conditions. It is plain
 * data; JSON can hold it when its values are numbers, booleans and strings.
 *
 * ```ts
 * ['pid', '==', 4711]
 * { and: [['bytes', '>=', 4096], { not: ['comm', '==', 'systemd'] }] }
 * ```
 */
export type Condition<Name extends string = string> =
  | readonly [field: Name, comparison: Comparison, value: number | bigint | boolean | string | Uint8Array]
  | { readonly and: readonly Condition<Name>[] }
  | { readonly or: readonly Condition<Name>[] }
  | { readonly not: Condition<Name> };

const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
/** The numbers of the operations in native/system/sample_query.h. */
const [COMPARE, AND, OR, NOT] = [0, 1, 2, 3] as const;
/** Limits of native/system/sample_query.h: comparisons and operations together, and the depth of nesting. */
const MOST_STEPS = 64;
const DEEPEST = 16;

/** One step of a condition, in postfix order. */
export interface ConditionStep {
  readonly operation: number;
  /** Index in the query's list of fields. */
  readonly field: number;
  readonly comparison: number;
  /** Whether this is the last step of a condition. A sample must meet all conditions. */
  readonly isLast: boolean;
  readonly value: readonly [bigint, bigint];
}

/** Finds a field by its name. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export type FindField = (name: unknown) => { readonly index: number; readonly field: NamedField };

/**
 * Checks a condition and breaks it down into steps.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function conditionSteps(condition: Condition, find: FindField): ConditionStep[] {
  const steps: ConditionStep[] = [];
  const parts = partsOf(condition);
  // The conditions of an outermost `and` are evaluated one after the other: later ones see only the samples that are
  // left.
  const conjuncts = parts.and ?? [condition];
  for (const conjunct of conjuncts) {
    addSteps(conjunct, find, steps, 1);
    steps.push({ ...(steps.pop() as ConditionStep), isLast: true });
  }
  return steps;
}

function addSteps(condition: Condition, find: FindField, steps: ConditionStep[], depth: number): void {
  if (depth > DEEPEST) throw invalid(`conditions nest at most ${DEEPEST} deep`);
  const { comparison, and, or, not } = partsOf(condition);
  if (comparison !== undefined) {
    add(steps, comparisonStep(comparison, find));
  } else if (not !== undefined) {
    addSteps(not, find, steps, depth + 1);
    add(steps, combination(NOT));
  } else {
    const [first, ...rest] = (and ?? or) as [Condition, ...Condition[]];
    addSteps(first, find, steps, depth + 1);
    for (const next of rest) {
      addSteps(next, find, steps, depth + 1);
      add(steps, combination(and === undefined ? OR : AND));
    }
  }
}

function add(steps: ConditionStep[], step: ConditionStep): void {
  if (steps.length === MOST_STEPS) {
    throw invalid(`a condition has at most ${MOST_STEPS} comparisons, ands, ors and nots`);
  }
  steps.push(step);
}

function combination(operation: number): ConditionStep {
  return { operation, field: 0, comparison: 0, isLast: false, value: [0n, 0n] };
}

/** The kind of a condition: exactly one of the four is set. */
interface Parts {
  readonly comparison?: readonly unknown[];
  readonly and?: readonly Condition[];
  readonly or?: readonly Condition[];
  readonly not?: Condition;
}

function partsOf(condition: Condition): Parts {
  if (Array.isArray(condition)) {
    return { comparison: plainList<unknown>(condition as readonly unknown[], 'a comparison', 3) };
  }
  const parts: Parts = plainProperties(
    condition as { and?: readonly Condition[]; or?: readonly Condition[]; not?: Condition },
    ['and', 'or', 'not'],
    'ERR_PERF_INVALID_ARGUMENT',
    'a condition',
  );
  if (Object.keys(parts).length !== 1) {
    throw invalid('a condition is [field, comparison, value], or has one of and, or and not');
  }
  if (parts.not !== undefined) return parts;
  const name = parts.and === undefined ? 'or' : 'and';
  const list = plainList((parts.and ?? parts.or) as readonly Condition[], name, MOST_STEPS);
  if (list.length === 0) throw invalid(`${name} needs at least one condition`);
  return { [name]: list };
}

function comparisonStep(given: readonly unknown[], find: FindField): ConditionStep {
  if (given.length !== 3) throw invalid('a comparison is [field, comparison, value]');
  const [name, comparison, value] = given;
  const { index, field } = find(name);
  const number = COMPARISONS.indexOf(comparison as string);
  if (number < 0) throw invalid(`a comparison is ${COMPARISONS.join(', ')}, got ${shown(comparison)}`);
  if (number > 1 && !field.hasOrder) {
    throw invalid(
      `field ${field.name} is ${field.kind}: compare it by == or !=, not by ${shown(comparison)}`,
    );
  }
  return { operation: COMPARE, field: index, comparison: number, isLast: false, value: field.wordsOf(value) };
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
