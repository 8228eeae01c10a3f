import { type Condition, type RingRecord, type SampleLayout, viewFor } from '../../index';
import { mistake, parsedCondition, RECORD_FIELDS } from './cel';
import { closureOf, NotSupported, type Scope } from './closure';
import { conditionOf } from './condition';
import { withEnumNames } from './enum-names';

/** A condition in CEL, checked against the fields of the samples. */
export interface Filter {
  /** Whether the sample meets the condition. A sample that is too short for the layout doesn't. */
  accepts(record: RingRecord): boolean;
  /** The same condition for a query; undefined when a query can't check it. */
  readonly condition: Condition | undefined;
}

/** @throws CommandError (usage) for a mistake in the text */
export function filterOf(text: string, layout: SampleLayout): Filter {
  const expression = parsedCondition(text, layout);
  const view = viewFor(layout);
  const scope = new LentScope();
  let evaluate: (scope: Scope) => unknown;
  try {
    evaluate = closureOf(withEnumNames(expression, layout));
  } catch (error) {
    if (error instanceof NotSupported) throw mistake(text, error.message);
    throw error;
  }
  return {
    condition: conditionOf(expression),
    accepts(record) {
      const event = view(record);
      if (event === null) return false;
      scope.event = event;
      scope.lent = record;
      return evaluate(scope) === true;
    },
  };
}

/** The same object for all records. */
class LentScope implements Scope {
  event: Scope['event'] = {};
  lent: RingRecord | undefined;
  readonly record: Scope['record'];

  constructor() {
    const read = (name: (typeof RECORD_FIELDS)[number]) => () => this.lent?.[name];
    this.record = Object.defineProperties(
      {} as Scope['record'],
      Object.fromEntries(RECORD_FIELDS.map((name) => [name, { get: read(name) }])),
    );
  }
}
