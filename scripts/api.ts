/**
 * Guards the public API: a report per entry point in `etc/` and reference pages in `docs/api/`, both committed. Any
 * difference from the code is an error until `npm run api` (this script with `--update`) has written it down, so that no
 * public name changes unnoticed; so is a public name without documentation, or one that needs a name that is not public.
 *
 * Reads the declarations in `dist`: build first.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  ExtractorMessageCategory,
  ExtractorMessageId,
  type IConfigFile,
} from '@microsoft/api-extractor';
import { readCommandLine } from './command-line.js';
import { root, run } from './run.js';

interface EntryPoint {
  /** Names the report. */
  readonly name: string;
  /** What the report and the pages call it. A package name for api-extractor, so it has no slash. */
  readonly packageName: string;
  readonly declarations: string;
}

const main: EntryPoint = {
  name: 'index',
  packageName: 'kafkajs-failover',
  declarations: 'dist/index.d.ts',
};
const testing: EntryPoint = {
  name: 'testing',
  packageName: 'kafkajs-failover-testing',
  declarations: 'dist/testing/index.d.ts',
};

const reportFolder = join(root, 'etc');
const pagesFolder = join(root, 'docs', 'api');
const temporary = join(root, 'temp', `api-${process.pid}`);

async function guard({ update }: { update: boolean }): Promise<readonly string[]> {
  await mkdir(join(temporary, 'model'), { recursive: true });
  await mkdir(reportFolder, { recursive: true });
  try {
    const mainFailures = extract(main, { update, isElsewhere: isAcceptedForgotten });
    const names = await readNames(main);
    const testingFailures = extract(testing, {
      update,
      isElsewhere: (name) => names.has(name) || isAcceptedForgotten(name),
    });
    await linkToMain(names);
    return [...mainFailures, ...testingFailures, ...(await guardPages({ update }))];
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Names that public declarations use though no entry point exports them, each with its reason. */
const acceptedForgotten: readonly string[] = [
  // kafkajs itself, from which errors are derived: the entry point re-exports all that it holds.
  'kafka',
];

/**
 * Runs api-extractor over one entry point.
 *
 * @param isElsewhere - tells names that the other entry point exports: they are public, though not exported here.
 */
function extract(
  entry: EntryPoint,
  { update, isElsewhere }: { update: boolean; isElsewhere: (name: string) => boolean },
): readonly string[] {
  const failures: string[] = [];
  const config = ExtractorConfig.prepare({
    configObject: configure(entry),
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    packageJson: { name: entry.packageName, version: '0.0.0' },
  });
  const result = Extractor.invoke(config, {
    localBuild: update,
    printApiReportDiff: true,
    messageCallback: (message) => {
      message.handled = true;
      if (isElsewhere(forgottenName(message) ?? '')) {
        message.logLevel = ExtractorLogLevel.None;
      } else if (isFault(message)) {
        failures.push(`${entry.name}: ${describe(message)}`);
      }
    },
  });
  if (!update && result.apiReportChanged) {
    failures.push(
      `etc/${entry.name}.api.md is not what the code says. If that is intended: npm run api`,
    );
  }
  if (!result.succeeded && failures.length === 0)
    failures.push(`${entry.name}: api-extractor failed`);
  return failures;
}

function configure({ name, declarations }: EntryPoint): IConfigFile {
  return {
    projectFolder: root,
    mainEntryPointFilePath: join(root, declarations),
    newlineKind: 'lf',
    compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json'), skipLibCheck: true },
    apiReport: {
      enabled: true,
      reportFileName: `${name}.api.md`,
      reportFolder,
      reportTempFolder: temporary,
    },
    docModel: { enabled: true, apiJsonFilePath: join(temporary, 'model', `${name}.api.json`) },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
      tsdocMessageReporting: {
        default: { logLevel: ExtractorLogLevel.Error },
        // `@param options.limitMs` is how the members of an options object are documented here.
        'tsdoc-param-tag-with-invalid-name': { logLevel: ExtractorLogLevel.None },
      },
      extractorMessageReporting: {
        default: { logLevel: ExtractorLogLevel.Error },
        'ae-undocumented': { logLevel: ExtractorLogLevel.Error },
        'ae-forgotten-export': { logLevel: ExtractorLogLevel.Error },
        // Internal names carry @internal and are not exported from an entry point; no underscore is needed to tell them.
        'ae-internal-missing-underscore': { logLevel: ExtractorLogLevel.None },
      },
    },
  };
}

/** api-extractor speaks of a changed or created report on the console; that is judged by its result instead. */
function isFault({ category, logLevel }: ExtractorMessage): boolean {
  return (
    category !== ExtractorMessageCategory.Console &&
    (logLevel === ExtractorLogLevel.Error || logLevel === ExtractorLogLevel.Warning)
  );
}

/** The name that a public declaration uses and no entry point exports; api-extractor has it in the sentence only. */
function forgottenName({ messageId, text }: ExtractorMessage): string | undefined {
  return messageId === ExtractorMessageId.ForgottenExport
    ? /symbol "([^"]+)"/.exec(text)?.[1]
    : undefined;
}

function describe(message: ExtractorMessage): string {
  const { sourceFilePath, sourceFileLine, messageId, text } = message;
  const where =
    sourceFilePath === undefined ? '' : `${relative(root, sourceFilePath)}:${sourceFileLine} `;
  return `${where}${text} (${messageId})`;
}

function isAcceptedForgotten(name: string): boolean {
  return acceptedForgotten.includes(name);
}

/** The part of api-extractor's model that is read here. */
interface ApiModel {
  readonly members: readonly { readonly members: readonly { readonly name: string }[] }[];
}

/** Names of an entry point's own exports. */
async function readNames(entry: EntryPoint): Promise<ReadonlySet<string>> {
  const text = await readFile(modelFile(entry), 'utf8');
  const model = JSON.parse(text) as ApiModel;
  return new Set(model.members.flatMap(({ members }) => members.map(({ name }) => name)));
}

function modelFile({ name }: EntryPoint): string {
  return join(temporary, 'model', `${name}.api.json`);
}

/** Lets the pages of `./testing` link to the types that it takes from `.`. */
async function linkToMain(names: ReadonlySet<string>): Promise<void> {
  const text = await readFile(modelFile(testing), 'utf8');
  const linked = text.replaceAll(/kafkajs-failover-testing!~?(\w+)/g, (reference, name: string) =>
    names.has(name) ? `${main.packageName}!${name}` : reference,
  );
  await writeFile(modelFile(testing), linked);
}

/** Makes the reference pages and writes them to `docs/api`, or compares them with it. */
async function guardPages({ update }: { update: boolean }): Promise<readonly string[]> {
  const fresh = join(temporary, 'pages');
  const model = join(temporary, 'model');
  const options = ['--input-folder', model, '--output-folder', fresh];
  const made = await run('api-documenter', ['markdown', ...options]);
  if (made.exitCode !== 0) return [made.output];
  const expected = foldMembers(await readFolder(fresh));
  const actual = await readFolder(pagesFolder);
  if (expected.size === 0) return ['api-documenter made no page'];
  if (update) {
    await rm(pagesFolder, { recursive: true, force: true });
    await mkdir(pagesFolder, { recursive: true });
    for (const [name, text] of expected) await writeFile(join(pagesFolder, name), text);
    return [];
  }
  const names = [...new Set([...expected.keys(), ...actual.keys()])];
  const different = names.filter((name) => expected.get(name) !== actual.get(name));
  if (different.length === 0) return [];
  return [
    `docs/api: ${different.length} pages are not what the code says, for example ${different[0]}. If that is intended: npm run api`,
  ];
}

/**
 * api-documenter writes a page for each member of each type. Here each exported name has one page, with its members on
 * it, so that it can be read as a whole and a change shows in one place.
 */
function foldMembers(pages: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const folded = new Map<string, string>();
  const linked = (text: string): string =>
    text.replaceAll(/\(\.\/([\w.-]+\.md)\)/g, (link, page: string) => {
      const owner = ownerOf(page);
      return owner === page ? link : `(./${owner}#${anchorOf(page)})`;
    });
  for (const [name, text] of [...pages].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const owner = ownerOf(name);
    if (owner === name) {
      folded.set(name, linked(text) + (folded.get(name) ?? ''));
      continue;
    }
    const body = text.slice(text.indexOf('\n## ') + '\n## '.length);
    const heading = `<a id="${anchorOf(name)}"></a>\n\n## `;
    folded.set(owner, `${folded.get(owner) ?? ''}\n${heading}${linked(body)}`);
  }
  return folded;
}

/** `package.type.member.md` belongs to `package.type.md`. */
function ownerOf(page: string): string {
  const [packageName, typeName, ...rest] = page.split('.');
  return rest.length > 1 ? `${packageName}.${typeName}.md` : page;
}

function anchorOf(page: string): string {
  return page.split('.').slice(2, -1).join('.');
}

async function readFolder(folder: string): Promise<ReadonlyMap<string, string>> {
  if (!existsSync(folder)) return new Map();
  const names = await readdir(folder);
  const files = names.map(async (name): Promise<[string, string]> => {
    const text = await readFile(join(folder, name), 'utf8');
    return [
      name,
      text.replaceAll(
        /(\[|## )kafkajs-failover-testing(?=\]| package)/g,
        '$1kafkajs-failover/testing',
      ),
    ];
  });
  return new Map(await Promise.all(files));
}

const usage = `npm run api: builds, and writes an intended change of the public API into etc/ and docs/api/. It takes no options.
npm run check compares them without writing.`;

const { values } = readCommandLine({
  name: 'npm run api',
  usage,
  options: { update: { type: 'boolean', default: false } },
});

guard({ update: values.update }).then(
  (failures) => {
    for (const failure of failures) console.error(failure);
    if (failures.length > 0) process.exitCode = 1;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
