// The public linter's Relay and description rules, and those of a schema that holds together.
import plugin from '@graphql-eslint/eslint-plugin';

const kinds = ['types', 'DirectiveDefinition', 'EnumValueDefinition', 'FieldDefinition', 'InputValueDefinition'];

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: {
      parser: plugin.parser,
      parserOptions: { graphQLConfig: { schema: './schema.graphql' } },
    },
    plugins: { '@graphql-eslint': plugin },
    rules: {
      ...plugin.configs['flat/schema-relay'].rules,
      // The contract has `nodes` beside `edges`, and pages of values that have no identity: search results, balances.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
      '@graphql-eslint/require-description': ['error', Object.fromEntries([...kinds, 'rootField'].map((kind) => [kind, true]))],
      '@graphql-eslint/description-style': ['error', { style: 'block' }],
      '@graphql-eslint/require-deprecation-reason': 'error',
      '@graphql-eslint/no-hashtag-description': 'error',
      '@graphql-eslint/unique-enum-value-names': 'error',
      '@graphql-eslint/unique-field-definition-names': 'error',
      '@graphql-eslint/possible-type-extension': 'error',
      '@graphql-eslint/known-type-names': 'error',
    },
  },
];
