/**
 * p-retry 7 is the last release for Node 20 and ESM only, so the build bundles it into this one CommonJS file
 * (`scripts/build.ts`). Everything else in the package stays one file per module.
 */
export { default as pRetry } from 'p-retry';
