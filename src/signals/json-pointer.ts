/** @internal A JSON pointer as a list of names (RFC 6901), or undefined where the text is none. Pure. */
export function parsePointer(text: string): readonly string[] | undefined {
  if (text !== '' && !text.startsWith('/')) return undefined;
  if (/~(?![01])/.test(text)) return undefined;
  return text
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** @internal The value at a place in a JSON document, or undefined where the document has no such place. Pure. */
export function valueAtPointer(document: unknown, names: readonly string[]): unknown {
  let value = document;
  for (const name of names) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(name)) return undefined;
    // Only what the document itself holds: every object has a `constructor`.
    value = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
  }
  return value;
}
