import {
  aroundRequests,
  type KafkaJsCluster,
  type KafkaJsMetadata,
  type KafkaJsProtocolRequest,
  type KafkaJsResponse,
} from './kafkajs-cluster.js';
import { quickFetchAnswer } from './quick-fetch.js';

const FETCH_API_KEY = 1;
const METADATA_API_KEY = 3;

/**
 * Has some answers read otherwise than kafkajs does:
 *
 * - **Metadata** is let through where kafkajs refuses it whole: it throws for the first topic or partition with an error,
 *   so that one leaderless partition of any topic hides every other topic, and a topic that does not exist hides the
 *   brokers. On a half-dead cluster, that is when they are wanted.
 * - **Fetch** is decoded by {@link quickFetchAnswer}, and by kafkajs where that does not read it.
 *
 * Does nothing to a client that is not built like kafkajs's.
 *
 * @internal
 */
export function adaptAnswers(cluster: KafkaJsCluster): void {
  aroundRequests(cluster, () => (asked) => {
    const response = adapted(asked);
    return response === asked.response ? asked : { ...asked, response };
  });
}

function adapted({ request, response }: KafkaJsProtocolRequest): KafkaJsResponse {
  switch (request.apiKey) {
    case METADATA_API_KEY:
      return { ...response, parse: insistLater(response) };
    case FETCH_API_KEY:
      return {
        ...response,
        decode: async (bytes) =>
          quickFetchAnswer(bytes, request.apiVersion) ?? (await response.decode(bytes)),
      };
    default:
      return response;
  }
}

/** The parsed answer, with kafkajs's own check to be run for one topic when it matters. */
function insistLater(response: KafkaJsResponse) {
  return (data: unknown): Promise<unknown> => {
    const metadata = data as KafkaJsMetadata;
    return Promise.resolve({
      ...metadata,
      insist: (topic: string) =>
        response.parse({
          ...metadata,
          topicMetadata: metadata.topicMetadata.filter((entry) => entry.topic === topic),
        }),
    });
  };
}
