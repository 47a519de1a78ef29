/** What does not fit the document, as the problem document lists it. */
export interface RequestError {
  in: 'query' | 'header' | 'body';
  name?: string;
  /** A JSON pointer into the parameter or the body (RFC 6901). */
  pointer?: string;
  message: string;
}
