import type { GroupNeed } from './need.js';
import {
  progressKey,
  progressValue,
  type RecordedPosition,
  type StandbyCommit,
} from './progress-record.js';

/** @internal How far each group has come, as it was written last: by key, what tells one position from another. */
export type Written = ReadonlyMap<string, string>;

/** @internal Who says it, and of which cluster. */
export interface Speech extends Pick<
  RecordedPosition,
  'switchEpoch' | 'atWallMs' | 'writer' | 'isLast'
> {
  readonly cluster: string;
  /** Where the group stands on the other cluster, in the copy of a log. */
  readonly onStandby: (groupId: string, physicalTopic: string, partition: number) => StandbyCommit;
}

/**
 * The progress records that are to be written, because something has changed since `before`; and what is written then. Of what is not
 * here any more nothing is kept: if it comes back, it is said anew. Pure, but that the contents of handled records are let go of.
 *
 * @internal
 */
export function progressNews(
  needs: readonly GroupNeed[],
  { cluster, onStandby: standbyOf, ...speech }: Speech,
  before: Written,
): {
  readonly records: readonly { readonly key: string; readonly value: string | null }[];
  readonly written: Written;
} {
  const records: { key: string; value: string | null }[] = [];
  const written = new Map<string, string>();
  const put = (key: string, mark: string, value: () => string | null): void => {
    written.set(key, mark);
    if (before.get(key) !== mark) records.push({ key, value: value() });
  };
  for (const { groupId, processed, untouched } of needs) {
    for (const log of untouched) put(progressKey({ groupId, cluster, ...log }), '', () => null);
    for (const { recent, ...position } of processed) {
      // Also where nothing has changed: it lets go of records that are kept for their hashes.
      const few = recent.few();
      const onStandby = standbyOf(groupId, position.physicalTopic, position.partition);
      const mark = `${position.offset} ${onStandby}`;
      put(progressKey({ groupId, cluster, ...position }), mark, () =>
        progressValue({ ...speech, ...position, isPast: false, onStandby, recent: few }),
      );
    }
  }
  return { records, written };
}
