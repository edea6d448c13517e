import type { NextConfig } from 'next'

const config: NextConfig = {
  // Tidings reads files at run time, such as migrations; of graphql there must be one copy.
  serverExternalPackages: ['tidings', 'graphql', 'graphql-yoga'],
}

export default config
