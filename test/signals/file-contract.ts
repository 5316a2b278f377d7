import { describe, expect, it } from 'vitest';
import { fileSignal } from '../../src/signals/file.js';
import { type Stage, type Watched, absent, value, watch } from './stage.js';

/** A file that a test may do anything to. */
export interface FileHarness extends Stage {
  readonly path: string;
  /** Puts this text in place. */
  write(text: string | Buffer): Promise<void>;
  remove(): Promise<void>;
  /** Makes every reading of it fail, until the next write. */
  spoil(): Promise<void>;
  /** Runs `between` after the next reading of the file, before that is heard. */
  afterNextRead(between: () => Promise<void>): void;
}

const POLL_MS = 100;

/** What a file signal does with files, simulated or real. */
export function fileContract(name: string, open: () => Promise<FileHarness>): void {
  const start = async (text?: string | Buffer): Promise<{ file: FileHarness; heard: Watched }> => {
    const file = await open();
    if (text !== undefined) await file.write(text);
    return { file, heard: watch(file, fileSignal({ path: file.path, pollMs: POLL_MS })) };
  };

  describe(`a file signal on ${name}`, () => {
    it('tells the text, and then nothing while it stays', async () => {
      const { heard } = await start('B\n');
      await heard.hears(value('B\n'));
      await heard.answers(3);
      expect(heard.readings).toEqual([value('B\n')]);
    });

    it('tells a changed text once', async () => {
      const { file, heard } = await start('A');
      await heard.hears(value('A'));
      const json = JSON.stringify({ cluster: 'B', epoch: 7 });
      await file.write(json);
      await heard.hears(value(json));
      await heard.answers(3);
      expect(heard.readings).toEqual([value('A'), value(json)]);
    });

    it.each(['', ' \n\t', '\uFEFF'])('has no opinion where the file is blank: %j', async (text) => {
      const { file, heard } = await start(text);
      await heard.hears(absent);
      await file.write('A');
      await heard.hears(value('A'));
    });

    it('has no opinion where the file is missing, or goes away', async () => {
      const { file, heard } = await start();
      await heard.hears(absent);
      await file.write('A');
      await heard.hears(value('A'));
      await file.remove();
      await heard.hears(absent);
      expect(heard.readings).toEqual([absent, value('A'), absent]);
    });

    it('fails where the file cannot be read, and recovers with the same text', async () => {
      const { file, heard } = await start('A');
      await heard.hears(value('A'));
      await file.spoil();
      await heard.failure();
      await file.write('A');
      await heard.hears(value('A'));
      const between = new Set(heard.readings.slice(1, -1).map(({ kind }) => kind));
      expect([...between]).toEqual(['failed']);
    });

    it.each([
      ['NUL bytes', 'A\0', 'no text'],
      ['bytes that are not UTF-8', Buffer.from([0x41, 0xff, 0xfe]), 'no text'],
      ['more than 64 KiB', `A${' '.repeat(65_536)}`, 'holds more than 65536 bytes'],
    ])('fails where the file holds %s', async (_what, text, words) => {
      const { file, heard } = await start(text);
      expect(await heard.failure()).toContain(words);
      await file.write('B');
      await heard.hears(value('B'));
    });

    it('does not tell what is there while the file is being written', async () => {
      const { file, heard } = await start('{"cluster":"A"}');
      await heard.hears(value('{"cluster":"A"}'));
      // Truncated, half written, whole: each is read once.
      file.afterNextRead(async () => {
        await file.write('');
        file.afterNextRead(async () => {
          await file.write('{"cluster":');
          file.afterNextRead(() => file.write('{"cluster":"B"}'));
        });
      });
      await heard.hears(value('{"cluster":"B"}'));
      expect(heard.readings).toEqual([value('{"cluster":"A"}'), value('{"cluster":"B"}')]);
    });

    it('does not tell that a file is gone which is only being replaced', async () => {
      const { file, heard } = await start('A');
      await heard.hears(value('A'));
      file.afterNextRead(async () => {
        await file.remove();
        file.afterNextRead(() => file.write('B'));
      });
      await heard.hears(value('B'));
      expect(heard.readings).toEqual([value('A'), value('B')]);
    });

    it('tells nothing after its close, and stops reading', async () => {
      const { file, heard } = await start('A');
      await heard.hears(value('A'));
      heard.close();
      const { askedCount } = heard;
      await file.write('B');
      const other = watch(file, fileSignal({ path: file.path, pollMs: POLL_MS }));
      await other.hears(value('B'));
      await other.answers(3);
      expect(heard.readings).toEqual([value('A')]);
      // One may have been under way.
      expect(heard.askedCount).toBeLessThanOrEqual(askedCount + 1);
    });
  });
}
