import type { ApiName } from '../protocol-codes.js';
import type { Protocol } from '../protocol.js';

/** @internal Who asks. */
export interface RequestContext {
  readonly clientId: string;
}

/** @internal Answers a request: at once, or later; at most once. */
export type Handler<Name extends ApiName> = (
  request: Protocol[Name]['request'],
  reply: (answer: Protocol[Name]['answer']) => void,
  context: RequestContext,
) => void;

/** @internal A handler for each request of a part of the protocol. */
export type Handlers<Names extends ApiName = ApiName> = { readonly [Name in Names]: Handler<Name> };
