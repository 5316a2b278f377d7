import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureConsul, findConsul } from '../../stack/consul-binary.js';
import { examine } from '../../stack/examine.js';
import { explainGo } from '../../stack/go-errors.js';
import { cacheLayout } from '../../stack/paths.js';
import { waitFor } from '../../stack/wait.js';
import { makeSandbox } from './sandbox.js';
import type { Sandbox } from './sandbox.js';

/** A Go that writes an executable; the shell finds chmod and the like where it always does. */
async function fakeGo(sandbox: Sandbox, script?: string) {
  const calls = join(sandbox.directory, 'calls');
  await writeFile(calls, '');
  await sandbox.command(
    'go',
    script ??
      `echo "$PWD $*" >> ${calls}
grep -q 'require github.com/hashicorp/consul v1.21.0' go.mod || exit 3
while [ "$1" != -o ]; do shift; done
sleep 0.3; echo consul > "$2" && chmod +x "$2"; : > "$GOTMPDIR/leaving"`,
  );
  return {
    options: {
      cacheDirectory: join(sandbox.directory, 'cache'),
      env: { PATH: `${sandbox.env['PATH']}:/usr/bin:/bin` },
    },
    calls: async () => (await readFile(calls, 'utf8')).split('\n').slice(0, -1),
  };
}

describe('ensureConsul', () => {
  it('builds once, from its own go.mod, and asks Go no more', async () => {
    const { options, calls } = await fakeGo(await makeSandbox());
    expect(await findConsul(options.cacheDirectory)).toBeUndefined();
    const file = await ensureConsul(options);
    expect(file).toBe(join(options.cacheDirectory, 'consul-1.21.0', 'consul'));
    expect(await ensureConsul({ ...options, env: { PATH: '' } })).toBe(file);
    const [call, ...others] = await calls();
    expect(others).toEqual([]);
    expect(call).toMatch(/ build -mod=mod .* github\.com\/hashicorp\/consul$/);
    expect(await readdir(options.cacheDirectory)).toEqual(['consul-1.21.0']);
    expect(await readdir(join(options.cacheDirectory, 'consul-1.21.0'))).toEqual(['consul']);
  });

  it('lets two that ask at once share one build', async () => {
    const { options, calls } = await fakeGo(await makeSandbox());
    const waits: string[] = [];
    const asked = { ...options, onProgress: (line: string) => waits.push(line) };
    const [first, second] = await Promise.all([ensureConsul(asked), ensureConsul(asked)]);
    expect(first).toBe(second);
    expect(await calls()).toHaveLength(1);
    expect(waits).toEqual([
      'building Consul 1.21.0 with Go (once, some minutes)',
      expect.stringMatching(/^waiting for process \d+, which builds Consul 1\.21\.0$/),
    ]);
  });

  it('leaves nothing behind when Go fails, and builds the next time', async () => {
    const sandbox = await makeSandbox();
    const { options } = await fakeGo(sandbox, 'echo "go: something odd"; exit 1');
    await expect(ensureConsul(options)).rejects.toThrow(
      /^Go could not build Consul 1\.21\.0: go: something odd$/,
    );
    expect(await readdir(options.cacheDirectory)).toEqual([]);
    const { options: mended } = await fakeGo(sandbox);
    expect(await ensureConsul(mended)).toContain('consul-1.21.0');
  });

  it('replaces an incomplete one, and removes the leavings of a build that was killed', async () => {
    const { options } = await fakeGo(await makeSandbox());
    await mkdir(join(options.cacheDirectory, 'consul-1.21.0'), { recursive: true });
    await mkdir(join(options.cacheDirectory, '.build-consul-1.21.0-1-abc'));
    await ensureConsul(options);
    expect(await readdir(options.cacheDirectory)).toEqual(['consul-1.21.0']);
  });

  it('ends a build with the reason of its signal', async () => {
    const { options } = await fakeGo(await makeSandbox(), 'exec sleep 60');
    const told = new AbortController();
    const building = ensureConsul({ ...options, signal: told.signal });
    await waitFor('the build to be under way', async () =>
      (await readdir(options.cacheDirectory)).some((name) => name.startsWith('.build-')),
    );
    told.abort(new Error('enough'));
    await expect(building).rejects.toThrow('enough');
    expect(await readdir(options.cacheDirectory)).toEqual([]);
  });

  it('says that Go is missing before anything else', async () => {
    const { options } = await fakeGo(await makeSandbox());
    await expect(ensureConsul({ ...options, env: { PATH: '' } })).rejects.toThrow(
      'there is no `go` on the PATH: install Go 1.23.8 or newer',
    );
  });
});

describe('explainGo', () => {
  it.each([
    [
      'go: downloading github.com/hashicorp/consul v1.21.0\ngo: github.com/hashicorp/consul@v1.21.0: Get "https://proxy.example/x.zip": dial tcp: lookup proxy.example on 10.0.0.1:53: no such host',
      'Go could not reach its module proxy to build Consul 1.21.0 (no such host): check the network, or GOPROXY.',
    ],
    [
      'go: x@v1: Get "https://proxy.example/x": dial tcp 127.0.0.1:1: connect: connection refused',
      '(connection refused)',
    ],
    ['go: x@v1: reading https://proxy.example/x: 403 Forbidden', '(403 Forbidden)'],
    ['go: x@v1: reading https://proxy.example/x: 502 Bad Gateway', '(502 Bad Gateway)'],
    ['go: x@v1: module lookup disabled by GOPROXY=off', '(module lookup disabled by GOPROXY=off)'],
    [
      'go: x@v1: Get "https://proxy.example/x": x509: certificate signed by unknown authority',
      '(x509: certificate signed by unknown authority)',
    ],
    [
      'go: downloading a v1\ngo build a: copying /tmp/x: write /x: no space left on device',
      'The disk became full while Go built Consul 1.21.0',
    ],
    [
      'go: go.mod requires go >= 1.23.8 (running go 1.19.8; GOTOOLCHAIN=local)',
      'Consul 1.21.0 needs Go 1.23.8 or newer, and the one on the PATH is Go 1.19.8',
    ],
    ['mkdir /root/.cache: permission denied', 'Go could not write while it built Consul 1.21.0'],
    [
      'go: downloading a v1\n# a/b\na/b/c.go:1:2: undefined: d',
      'Go could not build Consul 1.21.0: # a/b',
    ],
    ['', 'it said nothing'],
  ])('tells %s', (log, words) => {
    const { message } = explainGo(log, 'Consul 1.21.0');
    expect(message).toContain(words);
    expect(message).not.toContain('\n');
  });
});

describe('the doctor', () => {
  async function consulFinding(env: NodeJS.ProcessEnv, cache: string) {
    const findings = await examine({
      env,
      layout: cacheLayout(cache),
      nodeVersion: 'v20.20.0',
      platform: 'linux',
      availableMemoryBytes: 2 ** 32,
    });
    return findings.find(({ name }) => name === 'consul');
  }

  it('warns of a missing Go, which only some tests need', async () => {
    const { env, directory } = await makeSandbox();
    const finding = await consulFinding(env, join(directory, 'cache'));
    expect(finding?.verdict).toBe('note');
    expect(finding?.says).toMatch(
      /no `go` on the PATH.*Needed by the tests on a real Consul only\.$/,
    );
  });

  it('says that there will be a build, and then what it has built', async () => {
    const { options } = await fakeGo(await makeSandbox());
    expect(await consulFinding(options.env, options.cacheDirectory)).toEqual({
      name: 'consul',
      verdict: 'note',
      says: 'nothing cached; its first start builds 1.21.0 with Go (some minutes).',
    });
    await ensureConsul(options);
    expect(await consulFinding(options.env, options.cacheDirectory)).toEqual({
      name: 'consul',
      verdict: 'ok',
      says: 'cached: 1.21.0',
    });
  });
});
