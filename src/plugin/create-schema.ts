/** @file The GraphQL schema over given services. */
import { type GraphQLSchema, lexicographicSortSchema } from "graphql";
import { buildSchema, type ContainerType, type PubSub } from "type-graphql";
import { ApiKeyResolver } from "../resolvers/api-key.resolver.js";
import { AuditResolver } from "../resolvers/audit.resolver.js";
import { CatalogueResolver } from "../resolvers/catalogue.resolver.js";
import { HealthResolver } from "../resolvers/health.resolver.js";
import { ImageGalleryResolver } from "../resolvers/image-gallery.resolver.js";
import { ImageResolver } from "../resolvers/image.resolver.js";
import { ImportRunResolver } from "../resolvers/import-run.resolver.js";
import { ItemVariantResolver } from "../resolvers/item-variant.resolver.js";
import { ItemResolver } from "../resolvers/item.resolver.js";
import { JobResolver } from "../resolvers/job.resolver.js";
import { ModelToolsResolver } from "../resolvers/model-tools.resolver.js";
import { OptOutResolver } from "../resolvers/opt-out.resolver.js";
import { OverviewResolver } from "../resolvers/overview.resolver.js";
import {
  JobRunningResolver,
  OriginalImageResolver,
  PersonalizedImagePayloadResolver,
  PersonalizeImageResolver,
} from "../resolvers/personalize-image.resolver.js";
import {
  ExplanationResolver,
  PersonalizedImageResolver,
  RetrievedItemResolver,
} from "../resolvers/personalized-image.resolver.js";
import { PersonalizerResolver } from "../resolvers/personalizer.resolver.js";
import { RankChangeResolver } from "../resolvers/rank-change.resolver.js";
import { RankingModelResolver } from "../resolvers/ranking-model.resolver.js";
import {
  RecommendationEdgeResolver,
  RecommendationResolver,
  SimilarItemEdgeResolver,
} from "../resolvers/recommendation.resolver.js";
import { ResultFileResolver } from "../resolvers/result-file.resolver.js";
import type { ApiServices } from "../resolvers/services.js";
import { StartJobResolver } from "../resolvers/start-job.resolver.js";
import { StudySessionResolver, StudyTaskResolver } from "../resolvers/study-session.resolver.js";
import {
  StudyImageResolver,
  StudyPairResolver,
  StudyResolver,
} from "../resolvers/study.resolver.js";
import { UserRecordsResolver } from "../resolvers/user-records.resolver.js";
import { InteractionResolver, UserResolver } from "../resolvers/user.resolver.js";
import { auditMutations } from "./audit-mutations.js";
import { checkAccess } from "./auth.js";
import { federateSchema, type FederationOptions } from "./federate-schema.js";
import { guardSchema } from "./guard-schema.js";

/** Subscriptions read what they tell from the services; type-graphql asks for this all the same. */
const noPubSub: PubSub = {
  publish: () => undefined,
  subscribe: topic => {
    throw new Error(`createSchema: nothing publishes '${topic}'`);
  },
};

/**
 * Creates every resolver explicitly, without dependency injection by decorators.
 *
 * @param log is given the errors that clients are not told
 * @param federation how the schema is a subgraph; null for a schema of its own
 */
export async function createSchema(
  services: ApiServices,
  log: (error: unknown) => void,
  federation: FederationOptions | null = null,
): Promise<GraphQLSchema> {
  const { access, catalog, personalization, publicUrl } = services;
  const resolvers = [
    new ApiKeyResolver(access),
    new AuditResolver(services),
    new CatalogueResolver(services),
    new OptOutResolver(services.optOuts),
    new ExplanationResolver(),
    new HealthResolver(),
    new InteractionResolver(),
    new ImportRunResolver(services),
    new ItemResolver(catalog),
    new ItemVariantResolver(),
    new JobResolver(services),
    new JobRunningResolver(),
    new ModelToolsResolver(services),
    new OriginalImageResolver(),
    new OverviewResolver(services),
    new PersonalizedImagePayloadResolver(),
    new PersonalizedImageResolver(publicUrl),
    new PersonalizeImageResolver(personalization),
    new PersonalizerResolver(services),
    new ImageGalleryResolver(services),
    new ImageResolver(publicUrl),
    new RankChangeResolver(services),
    new RankingModelResolver(services),
    new RecommendationEdgeResolver(),
    new RecommendationResolver(services),
    new ResultFileResolver(services),
    new RetrievedItemResolver(),
    new SimilarItemEdgeResolver(),
    new StartJobResolver(services),
    new StudyImageResolver(),
    new StudyPairResolver(),
    new StudyResolver(services),
    new StudySessionResolver(services.participation),
    new StudyTaskResolver(publicUrl),
    new UserRecordsResolver(services),
    new UserResolver(),
  ];
  const byClass = new Map<unknown, object>(
    resolvers.map(resolver => [resolver.constructor, resolver]),
  );
  const container: ContainerType = { get: resolver => byClass.get(resolver) };
  const [first, ...others] = resolvers.map(({ constructor }) => constructor);
  const schema = await buildSchema({
    resolvers: [first, ...others],
    container,
    authChecker: checkAccess,
    pubSub: noPubSub,
    validate: false, // arguments are checked where they are used, with the error catalogue's codes
  });
  const own = auditMutations(lexicographicSortSchema(schema), services.audit);
  return guardSchema(federation ? federateSchema(own, federation) : own, log);
}
