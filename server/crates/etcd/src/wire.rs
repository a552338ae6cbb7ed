//! The requests that etcd-client does not offer: a member list that is *linearizable*, and a snapshot whose bytes are not copied.
//! Invariant: field numbers are those
//! of etcd's `rpc.proto`; everything else goes through etcd-client.

use crate::{error::EtcdError, line::Line};
use tonic::{Request, Streaming, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
pub struct MemberListRequest {
    #[prost(bool, tag = "1")]
    pub linearizable: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ResponseHeader {
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Member {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct MemberListResponse {
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
}

/// Asks the member behind `line` for its list.
pub async fn member_list(line: Line, linearizable: bool) -> Result<MemberListResponse, EtcdError> {
    let mut grpc = Grpc::new(line);
    grpc.ready().await.map_err(|e| EtcdError::unreachable(Box::new(e)))?;
    let path = PathAndQuery::from_static("/etcdserverpb.Cluster/MemberList");
    let request = Request::new(MemberListRequest { linearizable });
    let codec = ProstCodec::<MemberListRequest, MemberListResponse>::default();
    Ok(grpc.unary(request, path, codec).await?.into_inner())
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotRequest {}

/// Without the header; the bytes are those that came, not a copy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SnapshotResponse {
    #[prost(uint64, tag = "2")]
    pub remaining_bytes: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub blob: prost::bytes::Bytes,
}

/// Asks the member behind `line` for its database.
pub async fn snapshot(line: Line) -> Result<Streaming<SnapshotResponse>, EtcdError> {
    let mut grpc = Grpc::new(line);
    grpc.ready().await.map_err(|e| EtcdError::unreachable(Box::new(e)))?;
    let path = PathAndQuery::from_static("/etcdserverpb.Maintenance/Snapshot");
    let codec = ProstCodec::<SnapshotRequest, SnapshotResponse>::default();
    Ok(grpc.server_streaming(Request::new(SnapshotRequest {}), path, codec).await?.into_inner())
}
