export const PLATFORMS = ['npm', 'nuget', 'gradle', 'spm', 'pypi', 'other'] as const;

/** A package by which programs call an API, as the market of packages shows it. */
export interface Package {
  id: string;
  name: string;
  publisher: string;
  /** Where it is found: an address of the web. */
  link: string;
  /** The address of a picture. */
  icon: string | null;
  description: string | null;
  packagePlatform: (typeof PLATFORMS)[number];
  /** The programming language. */
  language: string;
  /** The list is in this order, then by name. */
  showIndex: number;
  tags: string[];
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

export type PackageFields = Omit<Package, 'id' | 'createdAt' | 'updatedAt'>;
