import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ToolFailure, runTool } from '../../stack/tool.js';
import { makeSandbox } from './sandbox.js';

async function tool(script: string) {
  const { directory, command, env } = await makeSandbox();
  return {
    options: {
      name: 'Tool',
      command: await command('tool', script),
      args: ['one', 'two words'],
      directory,
      env: { ...env, PATH: `${env['PATH']}:/usr/bin:/bin` },
      timeoutMs: 60_000,
    },
  };
}

describe('runTool', () => {
  it('runs it in its directory, and leaves no log of what went well', async () => {
    const { options } = await tool('echo said; : > "$1-$2"');
    await runTool(options);
    expect((await readdir(options.directory)).toSorted()).toEqual(['bin', 'one-two words']);
  });

  it('rejects with what it said where it failed', async () => {
    const { options } = await tool('echo first; echo last >&2; exit 3');
    const failure = await runTool(options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ToolFailure);
    expect(failure).toMatchObject({ message: 'Tool failed: last', log: 'first\nlast\n' });
  });

  it('kills it at its limit', async () => {
    const { options } = await tool('echo begun; exec sleep 600');
    await expect(runTool({ ...options, timeoutMs: 200 })).rejects.toThrow(ToolFailure);
  });

  it('ends it with the reason of its signal, also while it is being started', async () => {
    const { options } = await tool('exec sleep 600');
    const told = new AbortController();
    const running = runTool({ ...options, signal: told.signal });
    told.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await expect(runTool({ ...options, signal: told.signal })).rejects.toThrow('enough');
  });
});
