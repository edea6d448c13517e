'use client'

import dynamic from 'next/dynamic'

/** Rendered in the browser only: on the server, an external package has another copy of React than Next.js. */
export default dynamic(() => import('./export.tsx'), { ssr: false })
