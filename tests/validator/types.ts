// The names under which check.mjs asks for schemas.
import type { BidRequest as Request, BidResponse as Response } from 'iab-openrtb/v26';

export type BidRequest = Request;
export type BidResponse = Response;
