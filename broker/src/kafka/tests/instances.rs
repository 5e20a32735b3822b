//! Consumer instances at the Kafka door: for other brokers only, and read strictly.

use uuid::Uuid;

use super::client::Client;
use super::fixture::{Broker, GROUP_PARTITIONS};
use crate::groups::instances::{InstanceAnswer, InstanceCall, InstanceRefusal, InstanceSpec, InstanceVerb};
use crate::groups::{GroupId, shard_of};
use crate::types::BrokerId;
use crate::wire::{
    ApiKey, ErrorCode, InstanceRequest, InstanceResponse, Request, Response, link_client_id, supported_apis,
};

async fn ask(client: &mut Client, question: Vec<u8>) -> InstanceResponse {
    match client.ask(Request::Instance(InstanceRequest { question: question.into() })).await {
        Response::Instance(response) => response,
        other => panic!("{other:?}"),
    }
}

/// A question about an instance of a group that is kept in this partition.
fn question(partition: i32, verb: InstanceVerb) -> Vec<u8> {
    let mut groups = (0..).map(|number| GroupId::from(format!("group-{number}")));
    let group = groups.find(|group| shard_of(group, GROUP_PARTITIONS).0 == partition).unwrap();
    serde_json::to_vec(&InstanceCall { group, instance: "i".into(), verb }).unwrap()
}

fn create() -> InstanceVerb {
    InstanceVerb::Create { spec: InstanceSpec::default(), resume: false, call: Uuid::from_u128(1) }
}

#[tokio::test]
async fn brokers_are_answered_and_clients_refused() {
    assert!(supported_apis().iter().all(|range| range.key != ApiKey::Instance), "it is not advertised");
    let broker = Broker::start().await;
    let mut client = Client::connect(broker.port, "test").await;
    let refused = ask(&mut client, question(0, create())).await;
    assert_eq!(refused, InstanceResponse::refused(ErrorCode::InvalidRequest));

    let mut link = Client::connect(broker.port, &link_client_id(BrokerId(2))).await;
    let mut tell = async |question| {
        let response = ask(&mut link, question).await;
        let answer = serde_json::from_slice::<Result<InstanceAnswer, InstanceRefusal>>(&response.answer);
        (response.error, answer.ok())
    };
    let created = InstanceAnswer::Created { spec: InstanceSpec::default(), created: true };
    assert_eq!(tell(question(0, create())).await, (ErrorCode::None, Some(Ok(created))));
    assert_eq!(
        tell(question(0, InstanceVerb::Delete)).await,
        (ErrorCode::None, Some(Ok(InstanceAnswer::Done)))
    );
    let none = (ErrorCode::None, Some(Err(InstanceRefusal::NoInstance)));
    assert_eq!(tell(question(0, InstanceVerb::View)).await, none);
    assert_eq!(tell(question(1, create())).await, (ErrorCode::NotCoordinator, None), "another broker's");
    for nonsense in ["", "{}", r#"{"group":"g","instance":"i","verb":"view","more":1}"#] {
        assert_eq!(tell(nonsense.into()).await, (ErrorCode::InvalidRequest, None), "{nonsense}");
    }
}
